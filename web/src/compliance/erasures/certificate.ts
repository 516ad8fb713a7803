// The parts of a certificate that the screens show and check.

/** An entry of the ledger with its proof. */
export interface Entry {
  index: number;
  entry: string;
  hashes: string[];
}

export interface Certificate {
  schema: string;
  log: string;
  issued_at: string;
  status: string;
  backups_unreadable_from: string | null;
  remains: { what: string; count: number; until: string | null }[];
  subject:
    | {
        kind: 'recording';
        entries: Entry[];
        checkpoint: string;
        erasure: { recording: string } & Record<string, unknown>;
      }
    | { kind: 'population'; count: number; population_sha256: string };
}

/** What an entry tells. */
export interface Told {
  index: number;
  event: string;
  at: string;
  facts: Record<string, unknown>;
}

/** The entries as what happened when. */
export function story(entries: Entry[]): Told[] {
  return entries.map(({ index, entry }) => {
    const facts = JSON.parse(entry) as { at: string; ev: string } & Record<string, unknown>;
    return { index, event: facts.ev, at: facts.at, facts };
  });
}

/** The files that belong to a certificate, under one name. */
export function files(id: string): { name: string; address: string; accept: string }[] {
  const base = `/v1/erasures/${id}`;
  const name = `erasure-${id}`;
  return [
    {
      name: `${name}.json`,
      address: `${base}/certificate`,
      accept: 'application/json',
    },
    { name: `${name}.note`, address: `${base}/certificate/note`, accept: 'text/plain' },
    { name: `${name}.tlog-proof`, address: `${base}/proof`, accept: 'text/plain' },
  ];
}
