/** In milliseconds. */
export interface Backoff {
  readonly initialMilliseconds: number;
  readonly maximumMilliseconds: number;
}

/** In milliseconds, before attempt 2, 3, ...; `random` from 0 to 1 takes up to a half of it off. Pure. */
export function retryDelay(backoff: Backoff, attempts: number, random: number): number {
  const full = backoff.initialMilliseconds * 2 ** Math.min(attempts - 1, 30);
  return Math.round(Math.min(backoff.maximumMilliseconds, full) * (1 - random / 2));
}
