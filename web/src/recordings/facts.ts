// What a recording tells about itself, in words.
import type { Recording } from '$lib/api/types';
import { t } from '$lib/i18n.svelte';

/** The number of the other side: who called in, or who was called. */
export function otherParty(recording: Recording): string {
  if (recording.direction === 'outbound') return recording.callee ?? '';
  return recording.withheld ? t('recordings.withheld') : (recording.caller ?? '');
}
