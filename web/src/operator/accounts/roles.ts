// Which roles an account can be given, and by whom.

/** Roles of a customer's people. */
export const OF_CUSTOMER = ['customer_admin', 'customer_listener'];

/** Roles of the provider's people. */
export const OF_PROVIDER = ['trainer', 'evidence', 'compliance', 'auditor', 'legal', 'operator'];

/** The roles that an account of this customer, or of the provider, can have. */
export function rolesFor(customer: string | null): string[] {
  return customer ? OF_CUSTOMER : OF_PROVIDER;
}
