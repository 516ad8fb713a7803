// Errors and the vault's own words as sentences in the reader's language.
import { announce } from './announce.svelte';
import { asApiError, type ApiError } from './api/problem';
import { language, t, tOr } from './i18n.svelte';

/** What went wrong and what to do about it. */
export function sentence(error: ApiError): string {
  const known = tOr(`problem.${error.code}`, '', { field: error.field ?? '' });
  if (known) return known;
  // The vault's own sentence is English, and better than none for who reads that.
  if (language() === 'en' && error.detail && error.status < 500) return error.detail;
  if (error.status >= 500) return t('problem.internal');
  return t('problem.other', { code: error.code });
}

/** Shows whatever was thrown by something that a person asked for. */
export function announceError(thrown: unknown): void {
  const error = asApiError(thrown);
  // The sign-in page is there by then, and says so.
  if (error.status !== 401) announce(sentence(error), 'error');
}

/** A word of the vault (`inbound`, `training`, `stored`…) in the reader's language. */
export function word(
  kind: 'direction' | 'purpose' | 'state' | 'role' | 'cause' | 'class',
  value: string,
): string {
  return tOr(`${kind}.${value}`, value);
}
