import type { Language } from '$lib/i18n.svelte';

/** What each language calls itself. */
export const NAMES: Record<Language, string> = { nl: 'Nederlands', en: 'English' };
