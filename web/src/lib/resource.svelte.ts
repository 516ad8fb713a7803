// A thing that a page fetches: being fetched, there, or an error, and fetched again on request.
import { asApiError, type ApiError } from './api/problem';

export class Resource<T> {
  value = $state.raw<T | undefined>(undefined);
  error = $state.raw<ApiError | undefined>(undefined);
  loading = $state(true);
  #fetch: () => Promise<T>;
  #turn = 0;

  constructor(fetch: () => Promise<T>) {
    this.#fetch = fetch;
  }

  /** Fetches it. What was there stays until the answer is; an older answer never replaces a newer. */
  load = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const value = await this.#fetch();
      if (turn !== this.#turn) return;
      this.value = value;
      this.error = undefined;
    } catch (thrown) {
      if (turn !== this.#turn) return;
      this.error = asApiError(thrown);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  };
}

/** Fetches now, and again whenever something reactive that `fetch` read before its first `await` changes. */
export function resource<T>(fetch: () => Promise<T>): Resource<T> {
  const made = new Resource(fetch);
  $effect(() => {
    void made.load();
  });
  return made;
}
