#!/usr/bin/env python3
"""playback.py CALLVAULT: plays the same recordings from the vault, from nginx in clear and from
`rclone serve http` over a crypt remote, in turns, and compares the medians."""

import shutil
import sys
import time
from pathlib import Path
from statistics import median

from dataset import make, playback_sizes
from report import publish, ratio, table
from sides import Rclone, Vault, load, nginx

WORK = Path("target/bench/playback")
FILES, ROUNDS, SECONDS = 200, 3, 4.0
CELLS = [("full", 1), ("full", 8), ("seek", 1), ("seek", 16)]
NAMES = {"full": "whole recordings", "seek": "64 KiB ranges"}


def measure(sides):
    """{cell: {side: [report, …]}}, each round in another order."""
    measured = {cell: {name: [] for name in sides} for cell in CELLS}
    for name, (server, rows, header) in sides.items():
        load(server.port, "verify", rows[:40], WORK / name, 4, header)
    for round_number in range(ROUNDS):
        order = list(sides) if round_number % 2 == 0 else list(sides)[::-1]
        for mode, connections in CELLS:
            for name in order:
                server, rows, header = sides[name]
                work, seed = WORK / name, round_number + 1
                report = load(server.port, mode, rows, work, connections, header, seconds=SECONDS, seed=seed)
                measured[mode, connections][name].append(report)
    return measured


def rate(reports, mode):
    if mode == "full":
        return median(r["bytes"] / r["seconds"] / 1e6 for r in reports)
    return median(r["requests"] / r["seconds"] for r in reports)


def rows_of(measured):
    for (mode, connections), sides in measured.items():
        vault, clear, crypt = (rate(sides[name], mode) for name in ("vault", "nginx", "rclone"))
        unit = "MB/s" if mode == "full" else "/s"
        what = f"{NAMES[mode]}, {connections} at once"
        floor = 0.4 if mode == "full" else 0.5
        numbers = [f"{n:,.0f} {unit}" for n in (vault, clear, crypt)]
        yield [what, *numbers, ratio(vault, clear, floor), ratio(vault, crypt, 2)]
        tail = [median(r["p99_ms"] for r in sides[name]) for name in ("vault", "nginx", "rclone")]
        numbers = [f"{n:.2f} ms" for n in tail]
        most = 3 if mode == "seek" else None
        yield [f"{what}, p99", *numbers, ratio(tail[0], tail[1], most, most=True), ratio(tail[0], tail[2])]


def main():
    binary = Path(sys.argv[1]).resolve()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    files = make(Path("target/bench/recordings"), playback_sizes(FILES), "playback")
    rclone = Rclone(WORK / "rclone")
    rclone.run("copy", files[0].path.parent, "crypt:")
    vault = Vault(binary, WORK / "vault")
    servers = [vault.serve()]
    try:
        servers += [nginx(WORK / "nginx", files[0].path.parent), rclone.serve(WORK / "rclone.log")]
        locations, _ = vault.upload(files, time.time() - 86400)
        own = [(f"{locations[f.name]}/audio?purpose=training", f) for f in files]
        named = [(f"/{f.name}", f) for f in files]
        header = vault.bearer("trainer")
        sides = {"vault": (servers[0], own, header)}
        sides |= {"nginx": (servers[1], named, None), "rclone": (servers[2], named, None)}
        measured = measure(sides)
        memory = servers[0].peak_mib()
    finally:
        for server in servers:
            server.stop()
    header = ["playback", "callvault", "nginx, in clear", "rclone crypt", "÷ nginx", "÷ rclone"]
    total = sum(f.size for f in files) / 2**20
    text = f"""### Playback over HTTP

{table(header, rows_of(measured))}

{FILES} recordings, {total:,.0f} MiB in all, from one local disk and its cache; the medians of {ROUNDS} rounds of
{SECONDS:g} s in turns. The vault's peak memory was {memory:.0f} MiB."""
    publish("playback", text)


main()
