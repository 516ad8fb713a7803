// What a rule is about, in words, and which rules a form can make.
import { t, tOr } from '$lib/i18n.svelte';
import { word } from '$lib/words';

/** The sorts of rule, the most specific first. */
export const KINDS = ['line', 'agent', 'queue', 'direction'] as const;
export type Kind = (typeof KINDS)[number];

/** A scope (`line:201`) in words. */
export function scopeWords(scope: string): string {
  const [kind = '', value = ''] = split(scope);
  if (scope === 'default') return t('retention.all_others');
  const said = kind === 'direction' ? word('direction', value) : value;
  return `${tOr(`retention.kind.${kind}`, kind)} ${said}`;
}

/** A scope as its sort and what of that sort. */
export function split(scope: string): [string, string] {
  const at = scope.indexOf(':');
  return at < 0 ? [scope, ''] : [scope.slice(0, at), scope.slice(at + 1)];
}
