#!/usr/bin/env python3
"""erasing.py CALLVAULT: erases recordings that have just become due, and compares with the raw deletes of
the store and with `rclone delete --min-age 90d` on a crypt remote; then times a nightly forgetting."""

import os
import shutil
import sys
import time
from pathlib import Path
from statistics import median

from dataset import make
from report import publish, ratio, table
from s3 import delete_all
from sides import Bucket, Rclone, Vault

WORK = Path("target/bench/erasing")
FILES, SIZE, TERM = 3000, 16384, 90 * 86400


def erase_due(binary, files, bucket, counter):
    """Recordings per second of `callvault erase`, and the milliseconds of three forgettings after it."""
    vault = Vault(binary, WORK / "vault", bucket)
    server = vault.serve()
    # All must still be in time when they are uploaded, and due soon after.
    margin = 20 + len(files) / 30
    try:
        due = int(time.time() + margin)
        vault.upload(files, due - TERM)
    finally:
        server.stop()
    late = time.time() - due
    if late > 0:
        raise SystemExit(f"the upload took {late:.0f} s too long")
    time.sleep(1 - late)
    seconds, left = 0.0, counter()
    if left != len(files):
        raise SystemExit(f"{left} objects of {len(files)} before erasing")
    while left:
        os.sync()
        seconds += vault.time("erase")
        before, left = left, counter()
        if left == before:
            raise SystemExit(f"{left} objects are due and stay")
    forgettings = [vault.time("forget") * 1e3 for _ in range(3)]
    return len(files) / seconds, median(forgettings)


def raw_local(files):
    """Unlinks per second, the folders synced once for every thousand as the vault does."""
    folder = WORK / "raw"
    folder.mkdir(exist_ok=True)
    copies = [shutil.copy(f.path, folder / f.name) for f in files]
    os.sync()
    begun = time.monotonic()
    for number, copy in enumerate(copies, 1):
        os.unlink(copy)
        if number % 1000 == 0 or number == len(copies):
            handle = os.open(folder, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
    return len(files) / (time.monotonic() - begun)


def raw_garage(files, rclone, bucket):
    rclone.run("copy", files[0].path.parent, "plain:", "--transfers", "16")
    keys = [f"{bucket.prefix}/plain/{f.name}" for f in files]
    begun = time.monotonic()
    delete_all(bucket, keys)
    rate = len(files) / (time.monotonic() - begun)
    if rclone.count("plain:"):
        raise SystemExit("the raw delete left something")
    return rate


def rclone_delete(files, rclone):
    rclone.run("copy", files[0].path.parent, "crypt:", "--transfers", "16")
    seconds = rclone.time("delete", "crypt:", "--min-age", "90d")
    if rclone.count("crypt:"):
        raise SystemExit("rclone delete left something")
    return len(files) / seconds


def main():
    binary = Path(sys.argv[1]).resolve()
    rows, forget = [], {}
    for store in ("local folder", "Garage"):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        files = make(WORK / "files", [SIZE] * FILES, "erasing")
        for file in files:
            os.utime(file.path, (time.time() - TERM - 864000,) * 2)
        bucket = Bucket.from_environment(f"erasing-{time.time_ns()}") if store == "Garage" else None
        rclone = Rclone(WORK / "rclone", bucket)
        theirs = median(rclone_delete(files, rclone) for _ in range(3))
        raw = median(raw_garage(files, rclone, bucket) if bucket else raw_local(files) for _ in range(5))

        def objects():
            """The recordings in the store; the wrap journal and the logs beside them are none."""
            if bucket:
                return rclone.count(f"base:{bucket.name}/{bucket.prefix}/vault", "--include", "[0-9a-f][0-9a-f]/*")
            return sum(path.is_file() for path in (WORK / "vault" / "objects").glob("[0-9a-f][0-9a-f]/*"))

        ours, forget[store] = erase_due(binary, files, bucket, objects)
        wanted = 3 if bucket else None
        numbers = [f"{n:,.0f} /s" for n in (ours, raw, theirs)]
        rows.append([store, *numbers, ratio(ours, raw, 0.8), ratio(ours, theirs, wanted)])
    shutil.rmtree(WORK)
    header = ["erasing", "callvault erase", "raw delete", "rclone delete", "÷ raw", "÷ rclone"]
    worst = max(forget.values())
    met = "met" if worst <= 100 else "**missed**"
    text = f"""### Erasing

{table(header, rows)}

{FILES:,} recordings of {SIZE // 1024} KiB that are due together, the start of the program included. Raw: unlink and
fsync of the folder, or bulk deletes of 1,000 keys. The vault destroys the wraps first, asks the store again
afterwards and writes the ledger entries; `rclone delete --min-age 90d` on a crypt remote does none of that.

A forgetting after it (`callvault forget`, the start of the program included): {worst:.0f} ms (≤ 100: {met})."""
    publish("erasing", text)


main()
