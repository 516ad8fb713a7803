// Filters live in the address, so that they can be kept, shared and gone back to.
import { searchParams } from 'sv-router';

import { navigate, route } from '$src/routes';

/** The value of a filter, or an empty text. Always text: `0612…` is no number here. */
export function query(name: string): string {
  return searchParams.toURLSearchParams().get(name) ?? '';
}

/** Every filter that is set. */
export function queries<Name extends string>(
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const params = searchParams.toURLSearchParams();
  const set = names.flatMap((name) => {
    const value = params.get(name);
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(set) as Partial<Record<Name, string>>;
}

/** Sets some filters and takes away those that are empty; the rest stays. */
export async function setQuery(changes: Record<string, string | undefined>): Promise<void> {
  const params = searchParams.toURLSearchParams();
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const search = params.toString();
  await navigate(route.pathname as '/', {
    search: search ? `?${search}` : '',
    replace: true,
    scrollToTop: false,
  });
}
