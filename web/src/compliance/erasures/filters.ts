// What can be looked for among erasures, and the address that asks the vault for it.

/** Names of the filters, as they stand in the address. */
export const FILTERS = ['from', 'to', 'class', 'customer', 'cause'] as const;
export type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

/** The causes there are (I5). */
export const CAUSES = [
  'term',
  'policy_shortened',
  'request',
  'objection',
  'consent_withdrawn',
  'end_of_service',
  'pci',
  'lost',
];

/** Midnight of a day, here, so many days later. */
function midnight(day: string, later = 0): string {
  const at = new Date(`${day}T00:00:00`);
  at.setDate(at.getDate() + later);
  return at.toISOString();
}

/** What to ask the vault: days are whole days, the last one included. */
export function toQuery(filters: Filters): Record<string, string> {
  const { from, to, ...others } = filters;
  return {
    ...others,
    ...(from ? { from: midnight(from) } : {}),
    ...(to ? { to: midnight(to, 1) } : {}),
  };
}
