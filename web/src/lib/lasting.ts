// Lengths of time in the two units that matter: `89 dagen en 22 uur`.
import { locale } from './i18n.svelte';

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** How long something lasts, in words; with `most` parts at most. */
export function lasting(seconds: number, most = 2): string {
  let left = Math.max(0, Math.floor(seconds));
  const said: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count === 0 && !(unit === 'second' && said.length === 0)) continue;
    said.push(
      new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'long' }).format(count),
    );
    if (said.length === most) break;
  }
  return new Intl.ListFormat(locale(), { type: 'conjunction' }).format(said);
}
