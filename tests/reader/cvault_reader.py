#!/usr/bin/env python3
"""Reads what a call-recording vault wrote, without the vault: the exit guarantee of its users.

It shares no code with the vault. All it needs is Python 3 and the package `cryptography`.

    cvault_reader.py --keyring DIR --root FILE --facts FACTS.json object OBJECT [--range A-B]
    cvault_reader.py --keyring DIR --root FILE --facts FACTS.json note LABEL HEX
    cvault_reader.py --keyring DIR --root FILE --facts FACTS.json row LABEL HEX
    cvault_reader.py --keyring DIR --root FILE --facts FACTS.json blind LABEL VALUE

DIR holds the sealed keyring (keyring-N.sealed, the newest counts), FILE is one copy of the root.
FACTS is what the index row says of the recording:

    {"controller": UUID, "recording": UUID, "kind": "audio" or "waveform",
     "class": "support" or "customer", "day": 20615 or "2026-06-11" or "hold", "generation": 0,
     "plain_len": 1234, "salt": HEX, "commitment": HEX, "wrap": HEX}

`row` opens sealed metadata; its "day" is the metadata's own. The plaintext goes to standard
output; a range counts bytes from 0 and includes both ends, as in HTTP. Exit status 1 means that
something does not open: damaged, foreign or forgotten.
"""

import argparse
import datetime
import hashlib
import hmac
import json
import pathlib
import re
import struct
import sys
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEGMENT, HEADER, TAG = 65536, 80, 16
KINDS = {"audio": 1, "waveform": 3, 1: 1, 3: 3}
CLASSES = {"support": 1, "customer": 2}
HOLD = 2**31 - 1


class DoesNotOpen(Exception):
    """Damaged, foreign or forgotten."""


def hkdf(key_material, salt, info, length):
    """HKDF-SHA-256, RFC 5869."""
    prk = hmac.new(salt or bytes(32), key_material, hashlib.sha256).digest()
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([count]), hashlib.sha256).digest()
        out, count = out + block, count + 1
    return out[:length]


def open_small(key, sealed, aad):
    """nonce(12), ciphertext, tag(16)."""
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], aad)


class Keyring:
    """The tenant keys and the day keys, opened with the root."""

    def __init__(self, directory, root_file):
        epoch, root = self.read_root(pathlib.Path(root_file).read_bytes())
        sealed = self.newest(pathlib.Path(directory)).read_bytes()
        if sealed[:16] != b"CVKEYS\r\n\x01\x01" + bytes(6):
            raise DoesNotOpen("this is no sealed keyring")
        header = sealed[:64]
        if struct.unpack(">q", header[16:24]) != (epoch,):
            raise DoesNotOpen("the root is of another epoch than the keyring")
        key = hkdf(root, header[32:64], b"cvault v1 keyring", 32)
        self.parse(AESGCM(key).decrypt(bytes(12), sealed[64:], header))

    @staticmethod
    def read_root(data):
        if len(data) != 80 or data[:8] != b"CVROOT\r\n":
            raise DoesNotOpen("this is no root")
        if hashlib.sha256(data[:48]).digest() != data[48:]:
            raise DoesNotOpen("the root is torn")
        return struct.unpack(">q", data[8:16])[0], data[16:48]

    @staticmethod
    def newest(directory):
        found = {}
        for path in directory.iterdir():
            match = re.fullmatch(r"keyring-(\d+)\.sealed", path.name)
            if match:
                found[int(match[1])] = path
        if not found:
            raise DoesNotOpen("there is no keyring")
        return found[max(found)]

    def parse(self, content):
        at = 0

        def take(layout):
            nonlocal at
            values = struct.unpack_from(layout, content, at)
            at += struct.calcsize(layout)
            return values

        (self.forgotten_before,) = take(">i")
        self.tenants, self.days = {}, {}
        for _ in range(take(">I")[0]):
            controller, key = take(">16s32s")
            self.tenants[controller] = key
        for _ in range(take(">I")[0]):
            day, generation, key = take(">ii32s")
            self.days[day, generation] = key
        for _ in range(take(">I")[0]):
            take(">ii32s")
        if at != len(content):
            raise DoesNotOpen("the keyring is longer than it says")

    def tenant(self, controller):
        if controller not in self.tenants:
            raise DoesNotOpen("the keyring has no key for this controller")
        return self.tenants[controller]

    def kek(self, controller, day, generation):
        tenant = self.tenant(controller)
        if (day, generation) not in self.days:
            raise DoesNotOpen("the keyring has no key for this day")
        info = b"cvault v1 kek" + controller + struct.pack(">ii", day, generation)
        return hkdf(tenant + self.days[day, generation], None, info, 32)


class Facts:
    """What the index row says."""

    def __init__(self, row):
        self.controller = uuid.UUID(row["controller"]).bytes
        self.recording = uuid.UUID(row["recording"]).bytes
        self.kind = KINDS[row.get("kind", "audio")]
        self.day = self.parse_day(row["day"])
        self.generation = row.get("generation", 0)
        self.row = row

    @staticmethod
    def parse_day(day):
        if isinstance(day, int):
            return day
        if day == "hold":
            return HOLD
        return (datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days

    def dek(self, keyring):
        row = self.row
        aad = b"cvault v1 wrap" + self.controller + self.recording
        aad += bytes([self.kind, CLASSES[row["class"]]])
        aad += struct.pack(">iiQ", self.day, self.generation, row["plain_len"])
        aad += bytes.fromhex(row["salt"]) + bytes.fromhex(row["commitment"])
        kek = keyring.kek(self.controller, self.day, self.generation)
        return open_small(kek, bytes.fromhex(row["wrap"]), aad)


def read_object(dek, facts, file, first, last):
    """Yields the plaintext from byte `first` to byte `last`, both included."""
    length = facts.row["plain_len"]
    salt, commitment = (bytes.fromhex(facts.row[name]) for name in ("salt", "commitment"))
    header = b"CVAULT\r\n" + bytes([1, 1, 16, facts.kind]) + bytes(4) + salt
    info = b"cvault v1 object" + header + facts.controller + facts.recording
    derived = hkdf(dek, salt, info, 64)
    key, expected = AESGCM(derived[:32]), derived[32:]
    if not hmac.compare_digest(expected, commitment) or file.read(HEADER) != header + expected:
        raise DoesNotOpen("the object is not this recording's")
    segments = max(1, -(-length // SEGMENT))
    file.seek(0, 2)
    if file.tell() != HEADER + length + TAG * segments:
        raise DoesNotOpen("the object has another length than the recording")
    begin, end = (first // SEGMENT, last // SEGMENT + 1) if length else (0, 1)
    file.seek(HEADER + begin * (SEGMENT + TAG))
    for index in range(begin, end):
        nonce = bytes(7) + struct.pack(">I", index) + bytes([index == segments - 1])
        plain = key.decrypt(nonce, file.read(SEGMENT + TAG), b"")
        start = index * SEGMENT
        yield plain[max(0, first - start):max(0, last + 1 - start)]


def byte_range(text, length):
    if text is None:
        return 0, length - 1
    match = re.fullmatch(r"(\d+)-(\d*)", text)
    if not match:
        raise SystemExit("a range is FIRST-LAST or FIRST-")
    first, last = int(match[1]), int(match[2] or length - 1)
    if not first <= last < length:
        raise SystemExit("the range is not within the recording")
    return first, last


def run(arguments, out):
    keyring = Keyring(arguments.keyring, arguments.root)
    facts = Facts(json.loads(pathlib.Path(arguments.facts).read_text()))
    if arguments.what == "object":
        first, last = byte_range(arguments.range, facts.row["plain_len"])
        with open(arguments.object, "rb") as file:
            for plain in read_object(facts.dek(keyring), facts, file, first, last):
                out.write(plain)
    elif arguments.what == "note":
        info = b"cvault v1 note" + arguments.label.encode()
        info += facts.controller + facts.recording + bytes([facts.kind])
        key = hkdf(facts.dek(keyring), None, info, 32)
        out.write(open_small(key, bytes.fromhex(arguments.value), b""))
    elif arguments.what == "row":
        sealed = bytes.fromhex(arguments.value)
        (generation,) = struct.unpack(">i", sealed[:4])
        aad = b"cvault v1 row" + facts.controller + facts.recording
        aad += struct.pack(">ii", facts.day, generation) + arguments.label.encode()
        kek = keyring.kek(facts.controller, facts.day, generation)
        out.write(open_small(kek, sealed[4:], aad))
    else:
        info = b"cvault v1 blind" + facts.controller + arguments.label.encode()
        key = hkdf(keyring.tenant(facts.controller), None, info, 32)
        blind = hmac.new(key, arguments.value.encode(), hashlib.sha256)
        out.write(blind.hexdigest().encode() + b"\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keyring", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--facts", required=True)
    commands = parser.add_subparsers(dest="what", required=True)
    command = commands.add_parser("object")
    command.add_argument("object")
    command.add_argument("--range")
    for name in ("note", "row", "blind"):
        command = commands.add_parser(name)
        command.add_argument("label")
        command.add_argument("value")
    try:
        run(parser.parse_args(), sys.stdout.buffer)
    except (DoesNotOpen, InvalidTag, struct.error) as error:
        sys.exit(f"does not open: {error or 'damaged, foreign or forgotten'}")


if __name__ == "__main__":
    main()
