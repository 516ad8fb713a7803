// Files that are asked for in a form that a link cannot name.
import { ApiError, refusal } from './api/problem';

/** The body of an address of the vault in this form. */
export async function fetched(address: string, accept: string): Promise<Blob> {
  let answer: Response;
  try {
    answer = await fetch(address, { headers: { Accept: accept } });
  } catch {
    throw new ApiError(0, { code: 'offline' });
  }
  if (!answer.ok) throw refusal(answer, await answer.json().catch(() => null));
  return answer.blob();
}

/** Hands something to the browser's downloads under a name. */
export function keep(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
