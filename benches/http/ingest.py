#!/usr/bin/env python3
"""ingest.py CALLVAULT: takes in recordings of 1 MiB over HTTP, and lets rclone copy the same files into a
crypt remote on the same store, local and Garage, in turns."""

import shutil
import sys
import time
from pathlib import Path
from statistics import median

from dataset import make
from report import publish, ratio, table
from sides import Bucket, Rclone, Vault

WORK = Path("target/bench/ingest")
FILES, ROUNDS = {"local folder": 600, "Garage": 300}, 3


def one_round(binary, files, store, number, connections):
    """Files per second of (the vault, rclone), and the vault's peak memory."""
    work = WORK / f"{store}-{number}-{connections}".replace(" ", "-")
    bucket = Bucket.from_environment(f"{work.name}-{time.time_ns()}") if store == "Garage" else None
    vault, rclone = Vault(binary, work / "vault", bucket), Rclone(work / "rclone", bucket)
    rates = {}

    def ours():
        server = vault.serve()
        try:
            _, report = vault.upload(files, time.time() - 86400, connections)
            return len(files) / report["seconds"], server.peak_mib()
        finally:
            server.stop()

    def theirs():
        seconds = rclone.time("copy", files[0].path.parent, "crypt:", "--transfers", connections)
        return len(files) / seconds

    for side in (ours, theirs) if number % 2 else (theirs, ours):
        rates[side] = side()
    shutil.rmtree(work)
    if bucket:
        rclone_leftovers(bucket)
    return rates[ours][0], rates[theirs], rates[ours][1]


def rclone_leftovers(bucket):
    """Empties the bucket's prefix, so that rounds do not pile up."""
    sweeper = Rclone(WORK / "sweep", bucket)
    for part in ("crypt", "vault"):
        sweeper.run("delete", f"base:{bucket.name}/{bucket.prefix}/{part}", "--transfers", "16")
    shutil.rmtree(WORK / "sweep")


def main():
    binary = Path(sys.argv[1]).resolve()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    rows, memory = [], 0
    for store, count in FILES.items():
        files = make(WORK / f"files-{count}", [2**20] * count, "ingest")
        for connections in (4, 16):
            rounds = [one_round(binary, files, store, number, connections) for number in range(ROUNDS)]
            ours, theirs = median(r[0] for r in rounds), median(r[1] for r in rounds)
            memory = max(memory, *(r[2] for r in rounds))
            what = f"{store}, {connections} at once"
            rows.append([what, f"{ours:,.0f} /s", f"{theirs:,.0f} /s", ratio(ours, theirs, 1)])
    shutil.rmtree(WORK)
    header = ["taking in 1 MiB recordings", "callvault", "rclone copy to crypt", "÷ rclone"]
    text = f"""### Ingest over HTTP

{table(header, rows)}

The medians of {ROUNDS} rounds in turns. The vault answers when object, row and ledger entry are on the disk; rclone
does not wait for the disk. The vault's peak memory was {memory:.0f} MiB."""
    publish("ingest", text)


main()
