// Dates, numbers and lengths as the reader's language writes them.
import { clock } from './api/client';
import { locale, t } from './i18n.svelte';

const DAY = 86_400_000;

// Making a formatter takes a hundred times as long as using one.
const dates = new Map<string, Intl.DateTimeFormat>();
const numbers = new Map<string, Intl.NumberFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options);
  let made = dates.get(key);
  if (!made) dates.set(key, (made = new Intl.DateTimeFormat(locale(), options)));
  return made;
}

/** `24 november 2026 om 14:05`. */
export function dateTime(at: string | number): string {
  return formatter({ dateStyle: 'long', timeStyle: 'short' }).format(new Date(at));
}

/** `24 nov. 2026 14:05`, for lists. */
export function shortDateTime(at: string | number): string {
  return formatter({
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }).format(new Date(at));
}

/** `24 november 2026`. */
export function date(at: string | number): string {
  return formatter({ dateStyle: 'long' }).format(new Date(at));
}

/** A number with its separators. */
export function number(value: number, options?: Intl.NumberFormatOptions): string {
  const key = locale() + JSON.stringify(options);
  let made = numbers.get(key);
  if (!made) numbers.set(key, (made = new Intl.NumberFormat(locale(), options)));
  return made.format(value);
}

/** `1,2 MB`. */
export function bytes(value: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const style = {
    style: 'unit',
    unit: units[unit],
    maximumFractionDigits: unit > 0 ? 1 : 0,
  } as const;
  return number(size, style);
}

/** `3:07`, or `1:02:03`; with tenths where they matter. */
export function length(seconds: number, tenths = false): string {
  const whole = tenths ? Math.floor(seconds) : Math.round(seconds);
  const pad = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const clockwise = h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
  return tenths ? `${clockwise}.${Math.floor((seconds - Math.floor(seconds)) * 10)}` : clockwise;
}

/** A length as it is read out: `3 minuten en 7 seconden`. */
export function spokenLength(seconds: number): string {
  const whole = Math.round(seconds);
  const unit = (value: number, name: string) =>
    number(value, { style: 'unit', unit: name, unitDisplay: 'long' });
  const parts = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ] as const;
  const said = parts.filter(([value]) => value > 0).map(([value, name]) => unit(value, name));
  if (said.length < 2) return said[0] ?? unit(0, 'second');
  return new Intl.ListFormat(locale(), { type: 'conjunction' }).format(said);
}

/** When a recording goes: `wordt gewist over 12 dagen`, in hours and minutes on its last day. */
export function untilErased(due: string, now = clock.now()): string {
  const left = Date.parse(due) - now;
  if (left <= 0) return t('due.past');
  if (left < 3_600_000) return t('due.minutes', { count: Math.max(1, Math.round(left / 60_000)) });
  if (left < 2 * DAY) return t('due.hours', { count: Math.round(left / 3_600_000) });
  return t('due.days', { count: Math.floor(left / DAY) });
}
