let search = '';

/** Remembers with which filters the list was seen. */
export function rememberList(filters: string): void {
  search = filters;
}

/** The list as it was last seen. */
export function lastList(): string {
  return `/recordings${search}`;
}
