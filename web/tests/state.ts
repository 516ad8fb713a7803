// Who there is in the vault of the tests, and where it is.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Person {
  name: string;
  password: string;
  role: string;
  customer?: string;
}

/** One of each that the tests need. */
export const PEOPLE = {
  trainer: { name: 'Tess Trainer', password: 'paars fietspad zeven eend', role: 'trainer' },
  colleague: { name: 'Bram Collega', password: 'groene ladder acht zwaan', role: 'trainer' },
  careful: { name: 'Zora Zorgvuldig', password: 'blauwe molen negen uil', role: 'trainer' },
  evidence: { name: 'Emre Bewijs', password: 'gele brug tien reiger', role: 'evidence' },
  second: { name: 'Sara Tweede', password: 'rode toren elf ekster', role: 'evidence' },
  listener: {
    name: 'Jan Bakkerij',
    password: 'witte oven twaalf mus',
    role: 'customer_listener',
    customer: 'bakkerij-jansen',
  },
  admin: {
    name: 'Klara Bakkerij',
    password: 'zilveren rijst dertien kraai',
    role: 'customer_admin',
    customer: 'bakkerij-jansen',
  },
  officer: {
    name: 'Fatima Privacy',
    password: 'bruine sluis veertien spreeuw',
    role: 'compliance',
  },
  operator: { name: 'Otto Beheer', password: 'grijze dijk vijftien valk', role: 'operator' },
} as const satisfies Record<string, Person>;

export interface State {
  url: string;
  speech: string;
  ingest: string;
  compliance: string;
}

export const STATE = resolve(import.meta.dirname, '../../target/web/state.json');
export const SCREENS = resolve(import.meta.dirname, '../../target/web/screens');

export function state(): State {
  return JSON.parse(readFileSync(STATE, 'utf8')) as State;
}
