import type { components } from './schema';

type Problem = components['schemas']['Problem'];

/** What the vault, or the way to it, answered instead of what was asked for. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** The vault's own sentence, in English. */
  readonly detail: string;
  readonly field: string | undefined;
  /** Seconds after which it makes sense to try again. */
  readonly retryAfter: number | undefined;
  /** What is left to tell of an erased recording. */
  readonly tombstone: Record<string, unknown> | undefined;

  constructor(status: number, problem: Partial<Problem>, retryAfter?: number) {
    super(problem.detail ?? problem.code ?? `status ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? (status === 0 ? 'offline' : 'internal');
    this.detail = problem.detail ?? '';
    this.field = problem.field ?? undefined;
    this.retryAfter = retryAfter;
    this.tombstone = problem.tombstone as Record<string, unknown> | undefined;
  }

  /** Whether the same request may well succeed a little later. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 503;
  }
}

/** Makes an error of an answer that is none of the good ones. */
export function refusal(response: Response, body: unknown): ApiError {
  const wait = Number(response.headers.get('Retry-After'));
  const problem = body && typeof body === 'object' ? (body as Partial<Problem>) : {};
  return new ApiError(
    response.status,
    problem,
    Number.isFinite(wait) && wait > 0 ? wait : undefined,
  );
}

/** Whatever was thrown, as an error that a screen can show. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof TypeError) return new ApiError(0, { code: 'offline' });
  return new ApiError(500, { detail: String(thrown) });
}
