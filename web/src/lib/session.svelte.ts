// Who is signed in. The cookie is the browser's; this knows only what the vault tells about it.
import { untrack } from 'svelte';

import type { Session } from './api/types';
import { api, bond, take } from './api/client';
import { ApiError } from './api/problem';

/** Whether this browser has signed in. Without it there is no use in asking who is. */
const BEGAN = 'callvault.signed-in';

let current = $state<Session | null>(null);
let over = $state(false);

/** Roles that look at recordings. */
const LISTENERS = ['trainer', 'evidence', 'customer_admin', 'customer_listener', 'legal'];

export const session = {
  /** Whoever is signed in. */
  get current(): Session | null {
    return current;
  },
  /** Whether a session ended under somebody's hands. */
  get over(): boolean {
    return over;
  },
  /** Whether one of the roles is one of these. */
  is(...roles: string[]): boolean {
    return current?.roles.some((role) => roles.includes(role)) ?? false;
  },
  /** Whether recordings are something for these roles. */
  get listens(): boolean {
    return this.is(...LISTENERS);
  },
  /** To be said before the way to another sign-in page is taken. */
  willBegin(): void {
    localStorage.setItem(BEGAN, '1');
  },
  /** Asks the vault who is signed in. */
  async find(): Promise<void> {
    if (localStorage.getItem(BEGAN) === null) return;
    try {
      current = await take(api.GET('/v1/session'));
    } catch (thrown) {
      current = null;
      if (!(thrown instanceof ApiError && thrown.status === 401)) throw thrown;
      localStorage.removeItem(BEGAN);
    }
  },
  /** Signs in with a name, a password and, when it is asked for, a code. */
  async begin(name: string, password: string, code?: string): Promise<void> {
    const body = code ? { name, password, code } : { name, password };
    current = await take(api.POST('/v1/session', { body }));
    this.willBegin();
    over = false;
  },
  /** Signs out. */
  async end(): Promise<void> {
    await take(api.DELETE('/v1/session'));
    localStorage.removeItem(BEGAN);
    current = null;
    over = false;
  },
};

// Untracked: what is fetched must not depend on who fetches it.
bond.csrf = () => untrack(() => current?.csrf);
bond.ended = () => {
  if (current) over = true;
  current = null;
};
