"""The recordings of the benches: WAV of the kinds a PBX writes, cut from random samples, seeded."""

import hashlib
import random
import struct
from dataclasses import dataclass
from pathlib import Path

# Format tag, channels, sample rate, bits; and how often.
KINDS = [(1, 1, 8000, 16), (1, 2, 8000, 16), (1, 1, 16000, 16), (6, 1, 8000, 8), (7, 1, 8000, 8), (7, 2, 8000, 8)]
WEIGHTS = [40, 15, 10, 10, 15, 10]


@dataclass(frozen=True)
class File:
    name: str
    path: Path
    size: int
    sha256: str


def wav(rng, size):
    tag, channels, rate, bits = rng.choices(KINDS, WEIGHTS)[0]
    frame = channels * bits // 8
    data = rng.randbytes((size - 44) // frame * frame)
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", len(data)) + data


def make(folder, sizes, seed):
    """Writes one file per size (unless it is there) and tells what they are."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, size in enumerate(sizes):
        name = f"call-{number:05}.wav"
        data = wav(random.Random(f"{seed}-{number}"), size)
        path = folder / name
        if not path.exists() or path.stat().st_size != len(data):
            path.write_bytes(data)
        files.append(File(name, path, len(data), hashlib.sha256(data).hexdigest()))
    return files


def playback_sizes(count):
    """0.5 to 10 MiB, evenly on a logarithmic scale: one minute to ten."""
    rng = random.Random(2026)
    return [int(2**19 * 20 ** rng.random()) for _ in range(count)]
