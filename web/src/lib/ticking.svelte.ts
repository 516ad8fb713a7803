// The time, by the vault's clock, as it goes on.
import { clock } from './api/client';

/** Now, and every so often again. */
export function ticking(every = 1000): { readonly now: number } {
  let now = $state(clock.now());
  $effect(() => {
    const timer = setInterval(() => (now = clock.now()), every);
    return () => clearInterval(timer);
  });
  return {
    get now() {
      return now;
    },
  };
}

/** Does something every so often, as long as `when` says so. */
export function repeatedly(when: () => boolean, act: () => void, every = 3000): void {
  $effect(() => {
    if (!when()) return;
    const timer = setInterval(act, every);
    return () => clearInterval(timer);
  });
}
