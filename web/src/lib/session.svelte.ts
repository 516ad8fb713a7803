// Who is signed in. The cookie is the browser's; this knows only what the vault tells about it.
import type { Session } from './api/agreed';
import { api, bond, take } from './api/client';
import { ApiError } from './api/problem';

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
  /** Asks the vault who is signed in. */
  async find(): Promise<void> {
    try {
      current = await take(api.GET('/v1/session'));
    } catch (thrown) {
      current = null;
      if (!(thrown instanceof ApiError && thrown.status === 401)) throw thrown;
    }
  },
  /** Signs in with a name, a password and, when it is asked for, a code. */
  async begin(name: string, password: string, code?: string): Promise<void> {
    const body = code ? { name, password, code } : { name, password };
    current = await take(api.POST('/v1/session', { body }));
    over = false;
  },
  /** Signs out. */
  async end(): Promise<void> {
    await take(api.DELETE('/v1/session'));
    current = null;
    over = false;
  },
};

bond.csrf = () => current?.csrf;
bond.ended = () => {
  if (current) over = true;
  current = null;
};
