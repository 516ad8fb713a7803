#!/usr/bin/env python3
"""listening.py CALLVAULT [FOLDER]: how soon sound comes, at the beginning and anywhere in calls of four hours, in
every form they are stored in; and whether 500 listeners at once hear it without a stop.

FOLDER holds the calls of four hours (target/corpus/long, made by scripts/corpus.sh without SKIP_LONG)."""

import hashlib
import http.client
import json
import random
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from report import publish, table
from sides import Vault, check

WORK = Path("target/bench/listening")
LISTEN = Path("target/release/examples/listen")
SEEKS, FIRST_MS, SEEK_MS = 15, 150, 200


@dataclass(frozen=True)
class File:
    name: str
    path: Path
    size: int
    sha256: str


def file(path):
    return File(path.name, path, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


class Player:
    """Asks for sound as a player does: each seek is a request of its own on an open connection."""

    def __init__(self, port, header, path):
        name, value = header.split(": ", 1)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.path, self.headers = path, {name: value}
        self.length = self.ask("bytes=0-0")[1]

    def ask(self, span, wanted=1):
        begun = time.monotonic()
        self.connection.request("GET", self.path, headers={**self.headers, "Range": span})
        answer = self.connection.getresponse()
        if answer.status != 206:
            raise SystemExit(f"{self.path} {span}: {answer.status} {answer.read(300)}")
        answer.read(wanted)
        took = (time.monotonic() - begun) * 1e3
        total = int(answer.getheader("Content-Range").split("/")[1])
        # A player that seeks drops what still comes.
        self.connection.close()
        return took, total


def measured(port, header, place, form):
    """Milliseconds until a quarter of a second of sound is there: at the beginning, and after seeks."""
    player = Player(port, header, f"{place}/audio?purpose=training&as={form}")
    quarter = player.length // (4 * 4 * 3600)
    first = min(player.ask("bytes=0-", quarter)[0] for _ in range(3))
    dice = random.Random(1)
    begins = [dice.randrange(player.length - 8 * quarter) for _ in range(SEEKS)] + [player.length - 9 * quarter]
    seeks = sorted(player.ask(f"bytes={begin}-", quarter)[0] for begin in begins)
    return first, median(seeks), seeks[-1]


def judged(value, most):
    return f"{value:.0f} ms" + ("" if value <= most else " **missed**")


def listeners(port, header, rows, form):
    listed = WORK / f"{form}.list"
    listed.write_text("".join(f"{path}\t{length}\t{rate}\n" for path, length, rate in rows))
    command = [LISTEN, "--server", f"127.0.0.1:{port}", "--list", listed, "--header", header]
    return json.loads(check(*command))


def main():
    binary = Path(sys.argv[1]).resolve()
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "target/corpus/long")
    files = [file(path) for path in sorted(folder.glob("4h_*"))]
    if not files:
        raise SystemExit(f"no calls of four hours in {folder}: make them with scripts/corpus.sh")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    vault = Vault(binary, WORK / "vault")
    server = vault.serve()
    try:
        locations, _ = vault.upload(files, time.time() - 86400, connections=1)
        header = vault.bearer("trainer")
        rows, crowds = [], {}
        for f in files:
            cells = [f.name.removeprefix("4h_")]
            for form in ("wav", "opus"):
                first, usual, worst = measured(server.port, header, locations[f.name], form)
                cells += [judged(first, FIRST_MS), f"{usual:.0f} ms", judged(worst, SEEK_MS)]
                path = f"{locations[f.name]}/audio?purpose=training&as={form}"
                length = Player(server.port, header, path).length
                crowds.setdefault(form, []).append((path, length, length / (4 * 3600)))
            rows.append(cells)
        heard = {form: listeners(server.port, header, crowd, form) for form, crowd in crowds.items()}
    finally:
        server.stop()
    names = ["4 hours of", "wav: first sound", "seek, median", "seek, worst"]
    names += ["opus: first sound", "seek, median", "seek, worst"]
    text = f"""### Listening

Milliseconds over loopback until a quarter of a second of sound is there ({SEEKS + 1} seeks to anywhere; wanted: first
sound within {FIRST_MS} ms, every seek within {SEEK_MS} ms).

{table(names, rows)}
"""
    crowd = [
        [
            f"`as={form}`",
            str(report["listeners"]),
            str(report["stalls"]),
            str(report["stalled"]),
            f"{report['first_p50_ms']:.0f} ms",
            f"{report['first_p99_ms']:.0f} ms",
            str(report["failed"]),
        ]
        for form, report in heard.items()
    ]
    names = ["30 s at real-time pace, all forms mixed", "listeners", "stops", "who had one", "first sound, median"]
    text += f"\n{table([*names, 'p99', 'broke off'], crowd)}\n"
    publish("listening", text.rstrip())


main()
