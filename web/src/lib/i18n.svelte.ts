// Dutch and English. The catalogues lie in src/messages, a file a room of the screens; only the
// language in use is loaded. `t` is reactive: what it wrote changes with the language.
import i18next from 'i18next';

import type nl from '$src/messages/nl';

/** The languages there are. */
export const LANGUAGES = ['nl', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

type Leaves<T, Path extends string = ''> = {
  [K in keyof T & string]: T[K] extends string
    ? `${Path}${K extends `${infer Stem}_one` | `${infer Stem}_other` ? Stem : K}`
    : Leaves<T[K], `${Path}${K}.`>;
}[keyof T & string];

/** The name of a message. */
export type Key = Leaves<typeof nl>;

const CHOICE = 'callvault.language';
const catalogues: Record<Language, () => Promise<{ default: object }>> = {
  nl: () => import('$src/messages/nl'),
  en: () => import('$src/messages/en'),
};

let current = $state<Language>('nl');

/** The language in use. */
export function language(): Language {
  return current;
}

/** The locale for dates and numbers. */
export function locale(): string {
  return current === 'nl' ? 'nl-NL' : 'en-GB';
}

/** The message of this name, with its blanks filled in; `count` chooses between one and more. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return i18next.t(key, { ...values, lng: current });
}

/** The message of a name that is put together, or what stands in for it. */
export function tOr(key: string, otherwise: string, values: Record<string, string> = {}): string {
  return i18next.t(key, { ...values, lng: current, defaultValue: otherwise });
}

function preferred(): Language {
  const chosen = localStorage.getItem(CHOICE);
  const wanted = [chosen, ...navigator.languages].map((tag) => tag?.slice(0, 2));
  return (
    LANGUAGES.find((code) => code === wanted.find((tag) => tag === 'nl' || tag === 'en')) ?? 'en'
  );
}

async function load(code: Language): Promise<void> {
  if (!i18next.hasResourceBundle(code, 'translation')) {
    const catalogue = await catalogues[code]();
    i18next.addResourceBundle(code, 'translation', catalogue.default);
  }
  current = code;
  document.documentElement.lang = code;
}

/** Loads the language of the browser, or the one that was chosen before. */
export async function startLanguage(): Promise<void> {
  await i18next.init({
    resources: {},
    fallbackLng: false,
    returnNull: false,
    // Svelte escapes what it shows.
    interpolation: { escapeValue: false },
  });
  await load(preferred());
}

/** Changes to another language and remembers that. */
export async function chooseLanguage(code: Language): Promise<void> {
  localStorage.setItem(CHOICE, code);
  await load(code);
}
