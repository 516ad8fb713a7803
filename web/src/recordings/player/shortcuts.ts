// The keyboard of the player. It can be switched off, for who speaks or whose aid uses the same keys.
import type { Key } from '$lib/i18n.svelte';
import type { Playback } from './playback.svelte';

const OFF = 'callvault.shortcuts-off';

/** What is in the list of shortcuts: keys and what they do. */
export const SHORTCUTS: readonly (readonly [readonly string[], Key])[] = [
  [['␣', 'K'], 'player.key.play'],
  [['←', '→'], 'player.key.five'],
  [['J', 'L'], 'player.key.ten'],
  [['−', '+'], 'player.key.speed'],
  [['S'], 'player.key.silence'],
  [['1', '2'], 'player.key.party'],
  [['R'], 'player.key.loop'],
  [['[', ']'], 'player.key.marks'],
  [['Esc'], 'player.key.release'],
  [[',', '.'], 'player.key.notes'],
  [['N'], 'player.key.note'],
  [['0'], 'player.key.start'],
  [['?'], 'player.key.help'],
];

export function shortcutsOn(): boolean {
  return localStorage.getItem(OFF) === null;
}

export function switchShortcuts(on: boolean): void {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, '1');
}

export interface Others {
  jump: (by: 1 | -1) => void;
  note: () => void;
  help: () => void;
}

/** What a key does, if anything. */
export function action(key: string, playback: Playback, others: Others): (() => void) | undefined {
  const by = (seconds: number) => () => playback.seek(playback.at + seconds);
  const actions: Record<string, () => void> = {
    ' ': () => void playback.toggle(),
    k: () => void playback.toggle(),
    ArrowLeft: by(-5),
    ArrowRight: by(5),
    j: by(-10),
    l: by(10),
    '-': () => playback.stepSpeed(-1),
    '+': () => playback.stepSpeed(1),
    '=': () => playback.stepSpeed(1),
    s: () => (playback.skipsSilence = !playback.skipsSilence),
    '1': () => void playback.toggleParty(0),
    '2': () => void playback.toggleParty(1),
    r: () => (playback.loops = !playback.loops),
    '[': () => playback.mark('from'),
    ']': () => playback.mark('to'),
    Escape: () => (playback.part = undefined),
    ',': () => others.jump(-1),
    '.': () => others.jump(1),
    n: others.note,
    '0': () => playback.seek(0),
    '?': others.help,
  };
  return actions[key.length === 1 ? key.toLowerCase() : key];
}

/** Whether the key belongs to what has the focus: a text, a choice, a button that is pressed with it. */
export function belongsElsewhere(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  const target = event.target as HTMLElement;
  if (target.closest('[role="dialog"], [role="alertdialog"], [role="menu"]')) return true;
  if (target.matches('input[type="range"]')) return event.key.startsWith('Arrow');
  if (target.matches('input, textarea, select, [contenteditable]')) return true;
  return event.key === ' ' && target.matches('button, a, summary');
}
