// A policy as the form holds it and as the vault takes it, and what all of its recordings come to.
import type { Schemas } from '$lib/api/client';

export type Retention = Schemas['RetentionView'];
export type Version = Schemas['VersionView'];
export type Preview = Schemas['PreviewView'];
export type Share = Schemas['ShareView'];
export type Tally = Schemas['TallyView'];

/** What the form holds. */
export interface Draft {
  default: string;
  rules: { scope: string; term: string }[];
  apply_to_existing: boolean;
}

/** The policy that is in force, to start from. */
export function draftOf(version: Version | null | undefined): Draft {
  return {
    default: version?.default ?? 'P90D',
    rules: version?.rules.map(({ scope, term }) => ({ scope, term })) ?? [],
    apply_to_existing: false,
  };
}

/** Every recording that a preview is about, whatever becomes of it. */
export function everything(share: Share): Tally {
  const { floored, held, past_due } = share.untouched;
  const all = [
    share.erased_now,
    share.erased_earlier,
    share.kept_longer,
    share.unchanged,
    floored,
    held,
    past_due,
  ];
  const oldest = all.flatMap((tally) => tally.oldest ?? []).sort()[0];
  return {
    count: all.reduce((sum, tally) => sum + tally.count, 0),
    bytes: all.reduce((sum, tally) => sum + tally.bytes, 0),
    oldest: oldest ?? null,
  };
}

/** About how many there come in a month, if there is a week to tell it from. */
export function perMonth(tally: Tally, now: number): number | null {
  if (!tally.oldest) return null;
  const days = (now - Date.parse(tally.oldest)) / 86_400_000;
  return days < 7 ? null : Math.round((tally.count / days) * 30);
}
