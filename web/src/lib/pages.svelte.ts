// A list that comes page by page, each from where the one before ended.
import { asApiError, type ApiError } from './api/problem';

interface Page<T> {
  items: T[];
  next?: string | null | undefined;
}

export class Pages<T> {
  items = $state.raw<T[]>([]);
  error = $state.raw<ApiError | undefined>(undefined);
  loading = $state(true);
  /** Whether there is nothing after what is here. */
  complete = $state(false);
  #fetch: (cursor: string | undefined) => Promise<Page<T>>;
  #next: string | undefined;
  #turn = 0;

  constructor(fetch: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetch = fetch;
  }

  /** Starts anew. What was there stays until the answer is. */
  load = async (): Promise<void> => this.#take(undefined);

  /** Fetches the next page; after an error the same one again. */
  more = async (): Promise<void> => this.#take(this.#next);

  async #take(cursor: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const page = await this.#fetch(cursor);
      if (turn !== this.#turn) return;
      this.items = cursor === undefined ? page.items : [...this.items, ...page.items];
      this.#next = page.next ?? undefined;
      this.complete = this.#next === undefined;
      this.error = undefined;
    } catch (thrown) {
      if (turn === this.#turn) this.error = asApiError(thrown);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}

/** Fetches the first page now, and again whenever something reactive that `fetch` read changes. */
export function pages<T>(fetch: (cursor: string | undefined) => Promise<Page<T>>): Pages<T> {
  const made = new Pages(fetch);
  $effect(() => {
    void made.load();
  });
  return made;
}
