// Signed notes and inclusion proofs (C2SP signed-note, tlog-checkpoint, tlog-proof; RFC 6962), read and
// checked in the browser. The arithmetic is @noble's: it works without a secure context, too.
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** A key that signatures are checked with. */
export interface Key {
  name: string;
  id: Uint8Array;
  public: Uint8Array;
}

/** A text with its signatures. */
export interface Note {
  text: string;
  signatures: { name: string; bytes: Uint8Array }[];
}

/** What a log was at a moment. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
}

const utf8 = new TextEncoder();
const DASH = '— ';

/** The bytes of a base64 text; nothing if it is none. */
export function base64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Bytes as hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The SHA-256 of bytes. */
export function digest(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** Reads a key (`name+hash+base64`); its own hash has to be right. */
export function readKey(text: string): Key | undefined {
  const [, name, hash, encoded] =
    /^(.+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  const bytes = encoded ? base64(encoded) : undefined;
  if (!name || !bytes || bytes.length !== 33 || bytes[0] !== 1) return undefined;
  const id = digest(joined(utf8.encode(`${name}\n`), bytes)).slice(0, 4);
  return hex(id) === hash ? { name, id, public: bytes.slice(1) } : undefined;
}

/** Reads a signed note. */
export function readNote(all: string): Note | undefined {
  const at = all.lastIndexOf('\n\n');
  if (at < 0 || !all.endsWith('\n')) return undefined;
  const lines = all.slice(at + 2, -1).split('\n');
  const signatures = lines.flatMap((line) => {
    const space = line.lastIndexOf(' ');
    const bytes = base64(line.slice(space + 1));
    if (!line.startsWith(DASH) || space < DASH.length || !bytes || bytes.length < 5) return [];
    return [{ name: line.slice(DASH.length, space), bytes }];
  });
  if (signatures.length !== lines.length) return undefined;
  return { text: all.slice(0, at + 1), signatures };
}

/** Whether the key signed the note. */
export function signedBy(note: Note, key: Key): boolean {
  return note.signatures.some(({ name, bytes }) => {
    if (name !== key.name || !same(bytes.slice(0, 4), key.id) || bytes.length !== 68) return false;
    try {
      return ed25519.verify(bytes.slice(4), utf8.encode(note.text), key.public);
    } catch {
      return false;
    }
  });
}

/** Reads the text of a checkpoint. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const [origin, size, root] = text.split('\n');
  const bytes = base64(root ?? '');
  if (!origin || !/^(0|[1-9]\d*)$/.test(size ?? '') || bytes?.length !== 32) return undefined;
  return { origin, size: Number(size), root: bytes };
}

/** Whether an entry is at this place in the log (RFC 9162, 2.1.3.2). */
export function includes(
  checkpoint: Checkpoint,
  index: number,
  entry: Uint8Array,
  hashes: Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= checkpoint.size) return false;
  let [place, last] = [index, checkpoint.size - 1];
  let hash = digest(joined(Uint8Array.of(0), entry));
  for (const other of hashes) {
    if (last === 0 || other.length !== 32) return false;
    if (place % 2 === 1 || place === last) {
      hash = digest(joined(Uint8Array.of(1), other, hash));
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = digest(joined(Uint8Array.of(1), hash, other));
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && same(hash, checkpoint.root);
}

/** A proof in a file: an index, hashes, and the signed checkpoint. */
export function readProof(
  text: string,
): { index: number; hashes: Uint8Array[]; note: Note; checkpoint: Checkpoint } | undefined {
  const at = text.indexOf('\n\n');
  const [head, place, ...lines] = text.slice(0, at).split('\n');
  const index = Number(/^index (\d+)$/.exec(place ?? '')?.[1] ?? NaN);
  const hashes = lines.map(base64);
  const note = readNote(text.slice(at + 2));
  const checkpoint = note && readCheckpoint(note.text);
  if (at < 0 || head !== 'c2sp.org/tlog-proof@v1' || Number.isNaN(index)) return undefined;
  if (!note || !checkpoint || hashes.some((hash) => hash === undefined)) return undefined;
  return { index, hashes: hashes as Uint8Array[], note, checkpoint };
}
