// What the vault's document does not describe yet, of accounts, tokens, sources and health; like agreed.ts.
import type { components } from './schema';

type Json<T> = { content: { 'application/json': T } };
type Refused = {
  '4XX': { content: { 'application/problem+json': components['schemas']['Problem'] } };
};
type Answer<Status extends number, T> = {
  responses: { [S in Status]: T extends null ? { content?: never } : Json<T> } & Refused;
};
type Body<T> = { requestBody: Json<T> };
type Id = { parameters: { path: { id: string } } };
type Paged = { parameters: { query?: { limit?: number; cursor?: string | undefined } } };
type List<T> = { items: T[]; next?: string | null };

/** Somebody who can sign in. */
export interface Account {
  id: string;
  name: string;
  roles: string[];
  proposed: { roles: string[]; by: string; at: string } | null;
  customer: string | null;
  lines: string[] | null;
  agent: string | null;
  state: 'active' | 'disabled';
  second_factor: boolean;
  local: boolean;
  created_at: string;
}

/** An account with the password that was made for it. */
export type AccountWithPassword = Account & { password?: string };

/** A token, without its secret. */
export interface Token {
  id: string;
  name: string;
  roles: string[];
  customer: string | null;
  class: string | null;
  source: string | null;
  lines: string[] | null;
  state: 'valid' | 'expired' | 'revoked';
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

/** A telephone system that sends recordings. */
export interface Source {
  source: string;
  tokens: number;
  class: string | null;
  customer: string | null;
  lines: string[] | null;
  received_today: number;
  received_week: number;
  refused_week: number;
  last_received_at: string | null;
  last_refused_at: string | null;
  last_refusal: string | null;
}

/** How the vault itself does. */
export interface Health {
  checked_at: string;
  nodes: {
    id: string;
    version: string;
    started_at: string;
    seen_at: string;
    clock_offset_ms: number | null;
    erases: boolean;
    signs: boolean;
    alive: boolean;
  }[];
  findings: { check: string; status: 'ok' | 'warning' | 'wrong'; detail: string }[];
  store: {
    kind: string;
    country: string;
    answers: boolean;
    versioning: string | null;
    lock: boolean | null;
    drift: string[];
  };
  keyring: {
    epoch: number;
    days: number;
    controllers: number;
    oldest_day: string | null;
    forgotten_before: string;
    unfinished: boolean;
    replicas: { name: string; ok: boolean; detail: string }[];
  };
  last_forgetting: string | null;
}

/** Somebody who listened to a recording. */
export interface Listened {
  at: string;
  ended_at?: string | null;
  event: string;
  purpose?: string | null;
  by?: string | null;
  coverage?: number | null;
  open: boolean;
}

interface NewAccount {
  name: string;
  roles: string[];
  customer?: string;
  lines?: string[];
  agent?: string;
}
interface NewToken {
  name: string;
  roles: string[];
  customer?: string;
  class?: string;
  lines?: string[];
  expires_at?: string;
}
interface AccountChange {
  roles?: string[];
  disabled?: boolean;
  reset_password?: boolean;
  reset_second_factor?: boolean;
}

/** The operations. */
export interface DeskPaths {
  '/v1/accounts': {
    get: Paged & Answer<200, List<Account>>;
    post: Body<NewAccount> & Answer<201, AccountWithPassword>;
  };
  '/v1/accounts/{id}': {
    patch: Id & Body<AccountChange> & Answer<200, AccountWithPassword>;
    delete: Id & Answer<204, null>;
  };
  '/v1/accounts/{id}/approval': {
    post: Id & Answer<200, Account>;
    delete: Id & Answer<200, Account>;
  };
  '/v1/tokens': {
    get: Paged & Answer<200, List<Token>>;
    post: Body<NewToken> & Answer<201, { id: string; token: string }>;
  };
  '/v1/tokens/{id}': { delete: Id & Answer<204, null> };
  '/v1/sources': { get: Answer<200, List<Source>> };
  '/v1/health': { get: Answer<200, Health> };
  '/v1/recordings/{id}/accesses': {
    get: { parameters: Id['parameters'] & Paged['parameters'] } & Answer<200, List<Listened>>;
  };
}
