/** Delays between attempts, in milliseconds. */
export interface Backoff {
  readonly initial: number;
  readonly maximum: number;
}

/** While a server is away: it is noticed soon when it is back, and asked rarely enough meanwhile. */
export const PROBE: Backoff = { initial: 100, maximum: 2_000 };

/**
 * Doubles with each attempt up to the maximum; a random half of it is taken off, so that workers do not come at once.
 *
 * @param attempt 1 for the delay after the first failure
 * @param random from 0 to 1
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: number): number {
  const full = Math.min(backoff.maximum, backoff.initial * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (1 - random / 2));
}
