// A list that comes page by page, each from where the one before ended.
import { api, take } from '$lib/api/client';
import type { Recording } from '$lib/api/types';
import { asApiError, type ApiError } from '$lib/api/problem';
import { toQuery, type Filters } from './filters';

const PAGE = 200;

export class Recordings {
  items = $state.raw<Recording[]>([]);
  error = $state.raw<ApiError | undefined>(undefined);
  loading = $state(false);
  /** Whether there is nothing after what is here. */
  complete = $state(false);
  #filters: Filters = {};
  #next: string | null = null;
  #turn = 0;

  /** Starts anew with these filters. What was there stays until the answer is. */
  async start(filters: Filters): Promise<void> {
    this.#filters = filters;
    this.#next = null;
    this.complete = false;
    await this.#fetch(true);
  }

  /** Fetches the next page, unless one is on its way or there is none. */
  more = async (): Promise<void> => {
    if (!this.loading && !this.complete) await this.#fetch(false);
  };

  /** Tries again what failed. */
  again = async (): Promise<void> => {
    await this.#fetch(this.#next === null);
  };

  async #fetch(anew: boolean): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    this.error = undefined;
    try {
      const found = anew ? [] : [...this.items];
      const before = found.length;
      let next = this.#next;
      // A search looks through a part at a time: a page may be empty and not be the last.
      do {
        const query = { ...toQuery(this.#filters), limit: PAGE, cursor: next ?? undefined };
        const page = await take(api.GET('/v1/recordings', { params: { query } }));
        if (turn !== this.#turn) return;
        found.push(...page.items);
        next = page.next ?? null;
      } while (next !== null && found.length === before);
      this.items = found;
      this.#next = next;
      this.complete = next === null;
    } catch (thrown) {
      if (turn === this.#turn) this.error = asApiError(thrown);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}
