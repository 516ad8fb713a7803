#!/usr/bin/env python3
"""make_bad.py wrap|bad OUTDIR: headers no encoder writes, and malformed audio files.

`wrap` adds to OUTDIR/ok what recorders are known to write and common tools are not able to; `bad` fills
OUTDIR/bad. Both read what make_corpus.sh made before them.
"""

import random
import struct
import sys
from pathlib import Path

PCM, ULAW, IMA, GSM, G722_A, G729, G722_B = 0x01, 0x07, 0x11, 0x31, 0x65, 0x83, 0x28F


def chunk(tag, body, size=None):
    """A RIFF chunk; `size` is the length it claims when that is not the truth."""
    claimed = len(body) if size is None else size
    return tag + struct.pack("<I", claimed) + body + b"\0" * (len(body) & 1)


def fmt(tag, channels, rate, bits, align=None, bytes_per_second=None, extra=None, size=None):
    """The `fmt ` chunk, consistent unless told otherwise."""
    align = channels * bits // 8 if align is None else align
    speed = rate * align if bytes_per_second is None else bytes_per_second
    body = struct.pack("<HHIIHH", tag, channels, rate, speed & 0xFFFFFFFF, align, bits)
    if extra is not None:
        body += struct.pack("<H", len(extra)) + extra
    return chunk(b"fmt ", body, size)


def riff(*chunks, size=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def payload(wav):
    """The data of a WAV with a true header."""
    at = wav.index(b"data")
    return wav[at + 8 : at + 8 + struct.unpack("<I", wav[at + 4 : at + 8])[0]]


def flipped(data, spared):
    """One bit wrong every 997 bytes, after the first `spared`."""
    return bytes(b ^ (0x10 if i % 997 == 0 and i > spared else 0) for i, b in enumerate(data))


def wrap(ok, pcm):
    g729 = (ok / "mo8k.g729").read_bytes()
    fact = chunk(b"fact", struct.pack("<I", len(g729) // 10 * 80))
    header = fmt(G729, 1, 8000, 0, 10, 1000, struct.pack("<HI", 80, 0))
    yield "mo8k.g729.wav", riff(header, fact, chunk(b"data", g729))
    g722 = chunk(b"data", (ok / "mo16k.g722").read_bytes())
    yield "mo16k.g722.wav", riff(fmt(G722_B, 1, 16000, 4, 1, 8000, b""), g722)
    yield "mo16k.g722_65.wav", riff(fmt(G722_A, 1, 16000, 4, 1, 8000, b""), g722)
    # Exactly as Asterisk's format_wav_gsm.c writes it.
    gsm = payload((ok / "mo8k.gsm49.wav").read_bytes())
    fact = chunk(b"fact", struct.pack("<I", len(gsm) // 65 * 320))
    header = fmt(GSM, 1, 8000, 0, 65, 1625, struct.pack("<H", 320))
    yield "mo8k.gsm49_asterisk.wav", riff(header, fact, chunk(b"data", gsm))
    # Lists and a chunk of odd length around the data, as appliances write.
    ulaw = (ok / "mo8k.ulaw").read_bytes()
    before = b"INFO" + chunk(b"ISFT", b"recorder 1.0\0") + chunk(b"ICMT", b"agent=17")
    after = b"INFO" + chunk(b"ICRD", b"2026-01-01")
    yield "mo8k.ulaw_list.wav", riff(
        fmt(ULAW, 1, 8000, 8, extra=b""),
        chunk(b"fact", struct.pack("<I", len(ulaw))),
        chunk(b"LIST", before),
        chunk(b"xtra", b"odd"),
        chunk(b"data", ulaw),
        chunk(b"LIST", after),
    )
    # Space reserved before the format.
    reserved = chunk(b"JUNK", b"\0" * 65536)
    yield "mo8k.junk64k.wav", riff(reserved, fmt(PCM, 1, 8000, 16), chunk(b"data", pcm))


def cut_and_crashed(ok, pcm):
    """A recorder that died, a stream that was never rewound, an upload that broke off."""
    header, data = fmt(PCM, 1, 8000, 16), chunk(b"data", pcm)
    good = riff(header, data)
    yield "empty.wav", b""
    yield "one_byte.wav", b"R"
    yield "header_only_44.wav", riff(header, chunk(b"data", b""))
    yield "trunc_in_fmt.wav", good[:25]
    yield "trunc_half.wav", good[: len(good) // 2]
    yield "trunc_odd.wav", good[: len(good) // 2 + 1]
    yield "asterisk_crash_len0.wav", riff(header, chunk(b"data", pcm, 0), size=0)
    yield "stream_ffffffff.wav", riff(header, chunk(b"data", pcm, 0xFFFFFFFF), size=0xFFFFFFFF)
    yield "stream_7ffff000.wav", riff(header, chunk(b"data", pcm, 0x7FFFF000), size=0x7FFFF024)
    # The header was written after ten seconds and the file went on.
    yield "data_short.wav", riff(header, chunk(b"data", pcm, 160000), size=160036)
    ulaw, fact = (ok / "mo8k.ulaw").read_bytes(), chunk(b"fact", struct.pack("<I", 0))
    header = fmt(ULAW, 1, 8000, 8, extra=b"")
    yield "len0_ulaw.wav", riff(header, fact, chunk(b"data", ulaw, 0), size=0)
    gsm = (ok / "mo8k.gsm49.wav").read_bytes()
    at = gsm.index(b"data") + 4
    yield "len0_gsm49.wav", gsm[:4] + b"\0" * 4 + gsm[8:at] + b"\0" * 4 + gsm[at + 4 :]
    yield "tail_garbage.wav", good + NOISE[:10000]


def not_audio():
    yield "text.wav", b"Dit is geen geluid.\r\n" * 500
    page = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
    yield "html_error.wav", page
    yield "text_riff.wav", b"RIFF" + b"this is not a wave file at all " * 1000
    yield "zeros_1M.wav", b"\0" * (1 << 20)
    yield "random_1M.bin", NOISE
    yield "random_1M.mp3", NOISE
    jpeg = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
    yield "jpeg.wav", jpeg + NOISE[:20000]


def absurd_fields(pcm):
    header, data = fmt(PCM, 1, 8000, 16), chunk(b"data", pcm)
    yield "ch0.wav", riff(fmt(PCM, 0, 8000, 16, 2), data)
    yield "ch65535.wav", riff(fmt(PCM, 65535, 8000, 16, 2), data)
    yield "rate0.wav", riff(fmt(PCM, 1, 0, 16), data)
    yield "rate_ffffffff.wav", riff(fmt(PCM, 1, 0xFFFFFFFF, 16, bytes_per_second=1), data)
    yield "rate1.wav", riff(fmt(PCM, 1, 1, 16), data)
    yield "align0.wav", riff(fmt(PCM, 1, 8000, 16, 0), data)
    yield "bits0.wav", riff(fmt(PCM, 1, 8000, 0, 2), data)
    yield "fmtsize_huge.wav", riff(fmt(PCM, 1, 8000, 16, size=0xFFFFFFF0), data)
    yield "list_huge.wav", riff(chunk(b"LIST", b"INFO", 0xFFFFFFF0), header, data)
    comment = b"INFOICMT" + struct.pack("<I", 0xFFFFFFF0) + b"x"
    yield "list_info_huge.wav", riff(header, chunk(b"LIST", comment), data)
    yield "nofmt.wav", riff(data)
    yield "ima_align0.wav", riff(fmt(IMA, 1, 8000, 4, 0, extra=struct.pack("<H", 505)), data)


def other_containers(ok):
    mp3 = (ok / "mo8k.cbr.mp3").read_bytes()
    yield "garbage_prefix_4k.mp3", NOISE[:4096] + mp3
    yield "garbage_prefix_300k.mp3", NOISE[:300000] + mp3
    yield "trunc.mp3", mp3[: len(mp3) // 2 + 13]
    yield "mid_garbage.mp3", mp3[:60000] + NOISE[:5000] + mp3[60000:]
    yield "id3_huge.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + mp3
    yield "freeformat.mp3", bytes([0xFF, 0xF3, 0x00, 0xC0]) * 50000
    opus = (ok / "mo8k.opus").read_bytes()
    yield "trunc.opus", opus[: len(opus) // 2]
    yield "bitflip.opus", flipped(opus, 300)
    yield "headers_only.opus", opus[: opus.index(b"OpusTags") + 200]
    yield "capture_only.ogg", b"OggS" * 50000
    vorbis = (ok / "mo8k.vorbis.ogg").read_bytes()
    yield "trunc.ogg", vorbis[: len(vorbis) // 2]
    yield "bitflip.ogg", flipped(vorbis, 300)
    flac = (ok / "mo8k.flac").read_bytes()
    yield "trunc.flac", flac[: len(flac) // 2]
    yield "bitflip.flac", flipped(flac, 300)
    # A picture block that claims 16 MB.
    yield "meta_huge.flac", b"fLaC\0\0\0\x22" + flac[8:42] + b"\x06\xff\xff\xff" + flac[42:]
    # The recorder was killed before it wrote the table of contents.
    m4a = (ok / "mo8k.aac.m4a").read_bytes()
    yield "trunc_nomoov.m4a", m4a[: len(m4a) // 2]
    webm = (ok / "mo8k.opus.webm").read_bytes()
    yield "trunc.webm", webm[: len(webm) // 2]
    yield "bitflip.webm", flipped(webm, 600)
    yield "pcm_trunc.caf", (ok / "mo8k.caf").read_bytes()[:400000]
    gsm = (ok / "mo8k.gsm").read_bytes()
    yield "trunc.gsm", gsm[: len(gsm) // 2 + 7]


def main():
    mode, out = sys.argv[1], Path(sys.argv[2])
    ok = out / "ok"
    pcm = payload((out / "src" / "mo8k.wav").read_bytes())
    if mode == "wrap":
        made, folder = [wrap(ok, pcm)], ok
    else:
        made = [cut_and_crashed(ok, pcm), not_audio(), absurd_fields(pcm), other_containers(ok)]
        folder = out / "bad"
    for files in made:
        for name, data in files:
            (folder / name).write_bytes(data)


NOISE = random.Random(7).randbytes(1 << 20)

if __name__ == "__main__":
    main()
