// The names behind the pseudonyms of colleagues, for who may know them.
import { api, take } from './api/client';
import { t } from './i18n.svelte';
import { session } from './session.svelte';

export interface Person {
  id: string;
  name: string;
}

let known = $state.raw<Person[]>([]);

export const people = {
  /** Those with whom something can be shared. */
  get others(): Person[] {
    return known.filter((person) => person.id !== session.current?.person.id);
  },
  /** Asks the vault who there is. Without names things are as useful, so no answer is no error. */
  async find(): Promise<void> {
    if (!session.is('trainer', 'customer_listener')) return;
    try {
      known = (await take(api.GET('/v1/people'))).items;
    } catch {
      known = [];
    }
  },
  /** What somebody is called. */
  name(id: string): string {
    const me = session.current?.person;
    if (id === me?.id) return me.name;
    return known.find((person) => person.id === id)?.name ?? t('people.unknown');
  },
};
