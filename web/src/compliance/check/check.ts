// Checks a certificate against its signature, its proof and the entries it carries.
import type { Certificate } from '../erasures/certificate';
import {
  base64,
  digest,
  hex,
  includes,
  readCheckpoint,
  readKey,
  readNote,
  readProof,
  signedBy,
  type Key,
} from './note';

/** What was dropped. */
export interface Dropped {
  json?: Uint8Array;
  note?: string;
  proof?: string;
}

export type Step = 'file' | 'key' | 'signature' | 'logged' | 'entries' | 'told';
export type Outcome = 'good' | 'wrong' | 'missing';

/** One thing that was looked at, and how it came out. */
export interface Finding {
  step: Step;
  outcome: Outcome;
}

/** Everything that was found out. */
export interface Report {
  certificate: Certificate | undefined;
  sha256: string;
  findings: Finding[];
}

const utf8 = new TextEncoder();

function parse(bytes: Uint8Array): Certificate | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const read = JSON.parse(text) as Certificate;
    return read.schema === 'callvault.certificate/1' ? read : undefined;
  } catch {
    return undefined;
  }
}

function signature(certificate: Certificate, sha256: string, text: string, key: Key): Outcome {
  const note = readNote(text);
  const said = `${certificate.schema}\n${certificate.log}\nsha256 ${sha256}\n`;
  return note && note.text === said && signedBy(note, key) ? 'good' : 'wrong';
}

/** Whether the log has an entry that says that exactly this file was issued. */
function logged(certificate: Certificate, sha256: string, text: string, key: Key): Outcome {
  const proof = readProof(text);
  if (!proof || proof.checkpoint.origin !== key.name || !signedBy(proof.note, key)) return 'wrong';
  const leaf = {
    at: certificate.issued_at,
    ev: 'certificate.issued',
    ...(certificate.subject.kind === 'recording'
      ? { rec: certificate.subject.erasure.recording }
      : {}),
    sha: sha256,
    status: certificate.status,
    v: 1,
  };
  const entry = utf8.encode(JSON.stringify(leaf));
  return includes(proof.checkpoint, proof.index, entry, proof.hashes) ? 'good' : 'wrong';
}

/** Whether the entries that it carries are in the log that the key signed. */
function entries(certificate: Certificate, key: Key): Outcome {
  const { subject } = certificate;
  if (subject.kind !== 'recording') return 'missing';
  const note = readNote(subject.checkpoint);
  const checkpoint = note && readCheckpoint(note.text);
  if (!note || !checkpoint || checkpoint.origin !== key.name || !signedBy(note, key)) {
    return 'wrong';
  }
  let last = -1;
  for (const { index, entry, hashes } of subject.entries) {
    const path = hashes.map(base64);
    if (index <= last || path.some((hash) => hash === undefined)) return 'wrong';
    if (!includes(checkpoint, index, utf8.encode(entry), path as Uint8Array[])) return 'wrong';
    last = index;
  }
  return last >= 0 ? 'good' : 'wrong';
}

/** Whether what it says of the recording is what its entries say. */
function told(certificate: Certificate): Outcome {
  const { subject } = certificate;
  if (subject.kind !== 'recording') return 'missing';
  const { erasure } = subject;
  const facts = subject.entries.map(({ entry }) => JSON.parse(entry) as Record<string, unknown>);
  const of = (event: string) => facts.findLast((one) => one.ev === event);
  const [destroyed, erased] = [of('erasure.key_destroyed'), of('recording.erased')];
  const agrees =
    facts.every((one) => one.rec === erasure.recording) &&
    facts[0]?.ev === 'recording.accepted' &&
    facts[0].class === erasure.class &&
    (destroyed?.at ?? null) === erasure.key_destroyed_at &&
    (erased?.at ?? null) === erasure.absent_at &&
    (!erased || (erased.cause === erasure.cause && (erased.case ?? null) === erasure.case)) &&
    (!erased || erased.due === erasure.due);
  return agrees ? 'good' : 'wrong';
}

/** Checks what was dropped with a key. What is not there is said to be missing, never good. */
export function check(dropped: Dropped, vkey: string): Report {
  const certificate = dropped.json && parse(dropped.json);
  const sha256 = dropped.json ? hex(digest(dropped.json)) : '';
  const file: Outcome = !dropped.json ? 'missing' : certificate ? 'good' : 'wrong';
  const read = vkey.trim() ? readKey(vkey) : undefined;
  const fits = read && certificate && read.name === certificate.log;
  const key: Outcome = !vkey.trim() ? 'missing' : fits ? 'good' : 'wrong';
  const found: Finding[] = [
    { step: 'file', outcome: file },
    { step: 'key', outcome: key },
  ];
  if (certificate && read && fits) {
    const { note, proof } = dropped;
    found.push(
      { step: 'signature', outcome: note ? signature(certificate, sha256, note, read) : 'missing' },
      { step: 'logged', outcome: proof ? logged(certificate, sha256, proof, read) : 'missing' },
      { step: 'entries', outcome: entries(certificate, read) },
      { step: 'told', outcome: told(certificate) },
    );
  }
  return { certificate, sha256, findings: found };
}
