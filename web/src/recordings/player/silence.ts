// Where nobody says anything, from the peaks that the waveform is drawn with.

export interface Stretch {
  from: number;
  to: number;
}

/** Shorter pauses belong to speech. */
const SHORTEST = 1.2;
/** What stays of a silence at either side, so that no word is cut. */
const MARGIN = 0.25;
/** What counts as silence, as a share of the loudest. */
const QUIET = 0.05;

/** The silences of a recording: `loudness` holds the peaks of each channel, evenly over `duration`. */
export function silences(loudness: readonly (readonly number[])[], duration: number): Stretch[] {
  const buckets = loudness[0]?.length ?? 0;
  if (!buckets || !duration) return [];
  const step = duration / buckets;
  const loudest = Math.max(
    ...loudness.map((channel) => channel.reduce((a, b) => Math.max(a, b), 0)),
  );
  const quiet = (bucket: number) =>
    loudness.every((channel) => (channel[bucket] ?? 0) <= loudest * QUIET);
  const found: Stretch[] = [];
  let since = -1;
  for (let bucket = 0; bucket <= buckets; bucket += 1) {
    if (bucket < buckets && quiet(bucket)) {
      if (since < 0) since = bucket;
    } else if (since >= 0) {
      if ((bucket - since) * step >= SHORTEST) {
        found.push({ from: since * step + MARGIN, to: bucket * step - MARGIN });
      }
      since = -1;
    }
  }
  return found;
}

/** Where to go on from a moment that lies in a silence. */
export function afterSilence(stretches: readonly Stretch[], at: number): number | undefined {
  return stretches.find(({ from, to }) => at >= from && at < to - 0.05)?.to;
}
