// Light or dark: as the system says, unless somebody chose.

/** What one can choose. */
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const CHOICE = 'callvault.theme';
let chosen = $state<Theme>('system');

function apply(): void {
  const root = document.documentElement;
  if (chosen === 'system') delete root.dataset.theme;
  else root.dataset.theme = chosen;
}

export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  choose(next: Theme): void {
    chosen = next;
    localStorage.setItem(CHOICE, next);
    apply();
  },
  start(): void {
    const before = localStorage.getItem(CHOICE);
    chosen = THEMES.find((name) => name === before) ?? 'system';
    apply();
  },
};
