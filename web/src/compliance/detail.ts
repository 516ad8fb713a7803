// The rest of an entry in one line.
import { dateTime, number } from '$lib/format';
import { tOr } from '$lib/i18n.svelte';
import { termWords } from '$lib/term';

/** What needs a program rather than a reader. */
const LEFT_OUT = new Set(['v', 'ev', 'at', 'by', 'rec', 'c', 'reason_c', 'token']);

function said(name: string, value: unknown): string {
  if (typeof value === 'number') {
    return name === 'coverage' ? number(value / 100, { style: 'percent' }) : number(value);
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (/^P\d+[YMWD]/.test(text)) return termWords(text);
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return dateTime(text);
  return text;
}

/** The details of an entry, for reading. */
export function detail(details: Record<string, unknown>): string {
  return Object.entries(details)
    .filter(([name, value]) => !LEFT_OUT.has(name) && value !== null)
    .map(([name, value]) => `${tOr(`told.fact.${name}`, name)}: ${said(name, value)}`)
    .join(' · ');
}
