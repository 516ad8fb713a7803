// Retention terms: ISO 8601 (`P90D`, `P18M`, `P7Y`) as words, and made of a number and a unit.
import { locale, t } from './i18n.svelte';

/** The units that a term is chosen in. */
export const UNITS = ['D', 'M', 'Y'] as const;
export type Unit = (typeof UNITS)[number];

const NAMES: Record<string, string> = { Y: 'year', M: 'month', W: 'week', D: 'day' };
const DAYS: Record<string, number> = { Y: 365.25, M: 30.44, W: 7, D: 1 };

function parts(term: string): { count: number; unit: string }[] {
  if (!/^P(\d+[YMWD])+$/.test(term)) return [];
  return [...term.matchAll(/(\d+)([YMWD])/g)].map(([, count, unit]) => ({
    count: Number(count),
    unit: unit ?? 'D',
  }));
}

/** A term in words: `90 dagen`, `1 jaar en 6 maanden`. */
export function termWords(term: string | null | undefined): string {
  if (!term) return t('term.none');
  const said = parts(term).map(({ count, unit }) =>
    new Intl.NumberFormat(locale(), {
      style: 'unit',
      unit: NAMES[unit] ?? 'day',
      unitDisplay: 'long',
    }).format(count),
  );
  return said.length ? new Intl.ListFormat(locale(), { type: 'conjunction' }).format(said) : term;
}

/** About how many days a term has: for drawing, never for deciding. */
export function termDays(term: string | null | undefined): number {
  return parts(term ?? '').reduce((sum, { count, unit }) => sum + count * (DAYS[unit] ?? 0), 0);
}

/** A term as a number and a unit, if it is as simple as that. */
export function splitTerm(term: string): { count: number; unit: Unit } {
  const [only, other] = parts(term);
  const unit = UNITS.find((one) => one === only?.unit);
  return only && !other && unit ? { count: only.count, unit } : { count: 0, unit: 'D' };
}

/** The term of a number and a unit. */
export function joinTerm(count: number, unit: Unit): string {
  return `P${count}${unit}`;
}
