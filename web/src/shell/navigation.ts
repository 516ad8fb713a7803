// What is in the menu, and for whom. The vault decides what anybody may do; this only leaves out what
// it would refuse.
import AudioLines from '@lucide/svelte/icons/audio-lines';
import ListMusic from '@lucide/svelte/icons/list-music';
import PackageCheck from '@lucide/svelte/icons/package-check';
import type { Component } from 'svelte';

import type { Key } from '$lib/i18n.svelte';
import { session } from '$lib/session.svelte';

export interface Entry {
  path: string;
  label: Key;
  icon: Component<{ size?: number; 'aria-hidden'?: 'true' }>;
  /** Who finds it in the menu. */
  roles: readonly string[];
}

/** In the order of the menu. The first that somebody may see is where they start. */
const ENTRIES: readonly Entry[] = [
  {
    path: '/recordings',
    label: 'shell.recordings',
    icon: AudioLines,
    roles: ['trainer', 'evidence', 'customer_admin', 'customer_listener', 'legal'],
  },
  { path: '/evidence', label: 'shell.evidence', icon: PackageCheck, roles: ['evidence', 'legal'] },
  { path: '/training-sets', label: 'shell.training_sets', icon: ListMusic, roles: ['trainer'] },
];

/** The menu of whoever is signed in. */
export function menu(): Entry[] {
  return ENTRIES.filter((entry) => session.is(...entry.roles));
}
