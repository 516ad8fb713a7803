// Which holds somebody may place.
import { session } from '$lib/session.svelte';

/** The kinds of hold that the roles of whoever is signed in allow. */
export function kinds(): string[] {
  const allowed = new Set<string>();
  if (session.is('compliance')) allowed.add('legal_claim').add('authority_order');
  if (session.is('evidence')) allowed.add('legal_claim');
  if (session.is('legal')) allowed.add('authority_order');
  if (session.is('customer_admin')) allowed.add('customer');
  return [...allowed];
}
