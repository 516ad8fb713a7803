// The one way to the vault. Unsafe requests carry the token against forgery and are never repeated
// by themselves; a session that has ended brings back the sign-in page.
import createClient, { type Middleware } from 'openapi-fetch';

import { ApiError, refusal } from './problem';
import type { paths } from './schema';

export type { Schemas } from './types';

/** What the client has to know about, and to tell, the session. */
export const bond: { csrf: () => string | undefined; ended: () => void } = {
  csrf: () => undefined,
  ended: () => {},
};

const SAFE = new Set(['GET', 'HEAD']);
/** Where a 401 answers the request itself and says nothing about a session. */
const SIGNING_IN = /\/v1\/(session|sign-in)$/;

const session: Middleware = {
  onRequest({ request }) {
    const token = bond.csrf();
    if (!SAFE.has(request.method) && token) request.headers.set('X-CSRF-Token', token);
    return request;
  },
  onResponse({ request, response }) {
    if (response.status === 401 && !SIGNING_IN.test(new URL(request.url).pathname)) bond.ended();
    clock.observe(response);
    return undefined;
  },
  onError() {
    return new ApiError(0, { code: 'offline' });
  },
};

/** How the vault's clock differs from the browser's: what is due is due by the vault's. */
export const clock = {
  skew: 0,
  observe(response: Response): void {
    const date = Date.parse(response.headers.get('Date') ?? '');
    if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 2000) this.skew = date - Date.now();
  },
  now(): number {
    return Date.now() + this.skew;
  },
};

/** The operations, typed: `api.GET('/v1/recordings/{id}', …)`. */
export const api = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin' });
api.use(session);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer; anything but a good answer is thrown as an {@link ApiError}. */
export async function take<T>(answer: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw refusal(response, error);
  return data as NonNullable<T>;
}
