// The filters of the list: their names in the address, and what they ask the vault for.
import type { paths } from '$lib/api/schema';

/** Every filter, as the address names it. */
export const FILTERS = [
  'q',
  'direction',
  'agent',
  'queue',
  'tag',
  'from',
  'to',
  'min_duration',
  'max_duration',
] as const;
export type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

type Query = NonNullable<paths['/v1/recordings']['get']['parameters']['query']> & { tag?: string };

/** Midnight here of a day such as `2026-11-24`, some days later. */
function midnight(day: string, later = 0): string | undefined {
  const [year, month, date] = day.split('-').map(Number);
  if (!year || !month || !date) return undefined;
  return new Date(year, month - 1, date + later).toISOString();
}

function seconds(value: string | undefined): number | undefined {
  const number = Number(value);
  return value && Number.isFinite(number) ? number : undefined;
}

/** What to ask the vault: days are whole days, the last one included. */
export function toQuery(filters: Filters): Query {
  const { q, direction, agent, queue, tag, from, to, min_duration, max_duration } = filters;
  const wanted: Query = {
    q: q?.trim() || undefined,
    direction,
    agent: agent?.trim() || undefined,
    queue: queue?.trim() || undefined,
    tag: tag?.trim() || undefined,
    from: from ? midnight(from) : undefined,
    to: to ? midnight(to, 1) : undefined,
    min_duration: seconds(min_duration),
    max_duration: seconds(max_duration),
  };
  return Object.fromEntries(
    Object.entries(wanted).filter(([, value]) => value !== undefined),
  ) as Query;
}

/** Lengths that one can choose: from and to, in seconds. */
export const LENGTHS = [
  ['', '60'],
  ['60', '300'],
  ['300', '900'],
  ['900', ''],
] as const;
