#!/usr/bin/env python3
"""Checks a log that callvault exported. It shares no line with the vault: it is written from the
C2SP specifications (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof) and RFC 6962.

    ledger_verifier.py log DIR VKEY [OLD-CHECKPOINT]
    ledger_verifier.py proof FILE ENTRY VKEY
"""

import base64
import hashlib
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """What is wrong, as a sentence."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(entry):
    return sha256(b"\0", entry)


def root_of(hashes):
    """The root over leaf hashes, straight from the definition, level by level."""
    if not hashes:
        return sha256()
    while len(hashes) > 1:
        pairs = [sha256(b"\1", a, b) for a, b in zip(hashes[::2], hashes[1::2])]
        hashes = pairs + (hashes[-1:] if len(hashes) % 2 else [])
    return hashes[0]


class Key:
    def __init__(self, vkey):
        self.name, key_id, key = vkey.strip().split("+", 2)
        self.key = base64.b64decode(key)
        self.id = sha256(self.name.encode(), b"\n", self.key)[:4]
        if self.key[0] != 1 or len(self.key) != 33 or self.id.hex() != key_id:
            raise Wrong("this is no Ed25519 key of a log")

    def open(self, note):
        """The size and the root in a checkpoint that this key signed."""
        text, _, signatures = note.rpartition("\n\n")
        if not signatures.endswith("\n"):
            raise Wrong("the note is cut")
        text += "\n"
        public = Ed25519PublicKey.from_public_bytes(self.key[1:])
        signed = False
        for line in signatures.splitlines():
            dash, name, signature = line.split(" ")
            raw = base64.b64decode(signature, validate=True)
            if (dash, name, raw[:4]) == ("\u2014", self.name, self.id):
                try:
                    public.verify(raw[4:], text.encode())
                except InvalidSignature:
                    raise Wrong("the signature is wrong") from None
                signed = True
        if not signed:
            raise Wrong("this key signed nothing here")
        origin, size, root = text.split("\n")[:3]
        if origin != self.name:
            raise Wrong(f"the checkpoint is of {origin}")
        return int(size), base64.b64decode(root, validate=True)


def path_of(layer, number, width):
    groups = []
    while True:
        groups.insert(0, f"{number % 1000:03}")
        number //= 1000
        if number == 0:
            break
    path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{layer}/{path}" + ("" if width == 256 else f".p/{width}")


def read(folder, path):
    try:
        return (folder / path).read_bytes()
    except FileNotFoundError:
        raise Wrong(f"{path} is missing") from None


def log(folder, vkey, old=None):
    folder, key = pathlib.Path(folder), Key(vkey)
    size, root = key.open(read(folder, "checkpoint").decode())
    hashes = []
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        path = path_of("entries", number, width)
        bundle, entries = read(folder, path), 0
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            if len(bundle) < 2 + length:
                raise Wrong(f"{path} is cut")
            hashes.append(leaf_hash(bundle[2 : 2 + length]))
            bundle, entries = bundle[2 + length :], entries + 1
        if entries != width:
            raise Wrong(f"{path} has {entries} entries")
    if root_of(hashes) != root:
        raise Wrong("the entries do not make the root")
    level, above = 0, hashes
    while above:
        for number in range((len(above) + 255) // 256):
            part = above[number * 256 : number * 256 + 256]
            path = path_of(level, number, len(part))
            if read(folder, path) != b"".join(part):
                raise Wrong(f"{path} does not follow from the entries")
        full = len(above) // 256
        above = [root_of(above[n * 256 : n * 256 + 256]) for n in range(full)]
        level += 1
    if old is not None:
        old_size, old_root = key.open(pathlib.Path(old).read_text(encoding="utf-8"))
        if old_size > size:
            raise Wrong("the log was cut")
        if root_of(hashes[:old_size]) != old_root:
            raise Wrong("the log does not begin with the old one")


def proof(file, entry, vkey):
    head, _, note = pathlib.Path(file).read_text(encoding="utf-8").partition("\n\n")
    first, index, *hashes = head.split("\n")
    if first != "c2sp.org/tlog-proof@v1" or not index.startswith("index "):
        raise Wrong("this is no proof")
    size, root = Key(vkey).open(note)
    hashes = [base64.b64decode(line, validate=True) for line in hashes]

    def walk(at, count):
        """The root over `count` leaves, of which the one at `at` is proven."""
        if count == 1:
            return leaf_hash(pathlib.Path(entry).read_bytes())
        half = 1 << ((count - 1).bit_length() - 1)
        if not hashes:
            raise Wrong("the proof is too short")
        beside = hashes.pop()
        if at < half:
            return sha256(b"\1", walk(at, half), beside)
        return sha256(b"\1", beside, walk(at - half, count - half))

    at = int(index[6:])
    if not 0 <= at < size or walk(at, size) != root or hashes:
        raise Wrong("the entry is not at this place of the log")


if __name__ == "__main__":
    try:
        {"log": log, "proof": proof}[sys.argv[1]](*sys.argv[2:])
    except (Wrong, ValueError) as wrong:
        sys.exit(f"wrong: {wrong}")
