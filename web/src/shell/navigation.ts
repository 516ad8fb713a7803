// What is in the menu, and for whom. The vault decides what anybody may do; this only leaves out what
// it would refuse.
import Activity from '@lucide/svelte/icons/activity';
import AudioLines from '@lucide/svelte/icons/audio-lines';
import Building from '@lucide/svelte/icons/building-2';
import CalendarClock from '@lucide/svelte/icons/calendar-clock';
import Eraser from '@lucide/svelte/icons/eraser';
import FileCheck from '@lucide/svelte/icons/file-check';
import FolderDown from '@lucide/svelte/icons/folder-down';
import Gauge from '@lucide/svelte/icons/gauge';
import Headphones from '@lucide/svelte/icons/headphones';
import History from '@lucide/svelte/icons/history';
import ListMusic from '@lucide/svelte/icons/list-music';
import Lock from '@lucide/svelte/icons/lock';
import PackageCheck from '@lucide/svelte/icons/package-check';
import PhoneIncoming from '@lucide/svelte/icons/phone-incoming';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import UserCheck from '@lucide/svelte/icons/user-check';
import Users from '@lucide/svelte/icons/users';
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

const OVERSEERS = ['compliance', 'auditor'] as const;
const LISTENERS = ['trainer', 'evidence', 'customer_admin', 'customer_listener', 'legal'] as const;

/** In the order of the menu. The first that somebody may see is where they start. */
const ENTRIES: readonly Entry[] = [
  { path: '/compliance', label: 'shell.compliance', icon: Gauge, roles: OVERSEERS },
  {
    path: '/recordings',
    label: 'shell.recordings',
    icon: AudioLines,
    roles: [...LISTENERS, 'compliance'],
  },
  { path: '/evidence', label: 'shell.evidence', icon: PackageCheck, roles: ['evidence', 'legal'] },
  { path: '/training-sets', label: 'shell.training_sets', icon: ListMusic, roles: ['trainer'] },
  { path: '/retention', label: 'shell.retention', icon: CalendarClock, roles: ['customer_admin'] },
  {
    path: '/holds',
    label: 'shell.holds',
    icon: Lock,
    roles: ['customer_admin', 'evidence', 'legal', ...OVERSEERS],
  },
  {
    path: '/erasures',
    label: 'shell.erasures',
    icon: Eraser,
    roles: ['customer_admin', ...OVERSEERS],
  },
  {
    path: '/approvals',
    label: 'shell.approvals',
    icon: UserCheck,
    roles: ['compliance', 'customer_admin', 'legal'],
  },
  { path: '/leaving', label: 'shell.leaving', icon: FolderDown, roles: ['customer_admin'] },
  { path: '/accesses', label: 'shell.accesses', icon: Headphones, roles: OVERSEERS },
  { path: '/policy-changes', label: 'shell.policy_changes', icon: History, roles: OVERSEERS },
  { path: '/register', label: 'shell.register', icon: ScrollText, roles: OVERSEERS },
  { path: '/check', label: 'shell.check', icon: FileCheck, roles: OVERSEERS },
  { path: '/health', label: 'shell.health', icon: Activity, roles: ['operator'] },
  { path: '/sources', label: 'shell.sources', icon: PhoneIncoming, roles: ['operator'] },
  { path: '/customers', label: 'shell.customers', icon: Building, roles: ['operator'] },
  {
    path: '/accounts',
    label: 'shell.accounts',
    icon: Users,
    roles: ['operator', 'customer_admin'],
  },
];

/** The menu of whoever is signed in. */
export function menu(): Entry[] {
  return ENTRIES.filter((entry) => session.is(...entry.roles));
}
