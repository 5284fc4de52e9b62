import type { BatchResult } from './relay-batch.ts';
import type { RelaySettings } from './relay-options.ts';
import { retryDelay } from './retry-delay.ts';

/** In milliseconds: the database counts what is postponed by its own clock. */
const CLOCK_ERROR = 5;
/** The poll finds the rest. */
const MOST_DUE = 1_000;

/** When what was not taken may be tried again. `now` is in milliseconds, and `random` from 0 to 1. */
export class RelayRetries {
  readonly #retry: RelaySettings['retry'];
  /** Exchanges that refused everything, and until when they are left alone. */
  readonly #refused = new Map<string, { attempts: number; until: number }>();
  /** When to look again, beside polling. In ascending order. */
  #due: number[] = [];

  constructor(retry: RelaySettings['retry']) {
    this.#retry = retry;
  }

  /** Exchanges to leave alone at present. */
  refused(now: number): string[] {
    return [...this.#refused].filter(([, { until }]) => until > now).map(([exchange]) => exchange);
  }

  /** Gives for how long the exchanges that refuse are left alone, in milliseconds. */
  avoidRefusing({ confirmed, refusedExchanges }: BatchResult, now: number, random: () => number): number[] {
    for (const { exchange } of confirmed) this.#refused.delete(exchange);
    return [...refusedExchanges].map((exchange) => {
      const attempts = (this.#refused.get(exchange)?.attempts ?? 0) + 1;
      const delay = retryDelay(this.#retry, attempts, random());
      this.#refused.set(exchange, { attempts, until: now + delay });
      return delay;
    });
  }

  comeBackIn(delays: readonly number[], now: number): void {
    const due = [...this.#due, ...delays.map((delay) => now + delay + CLOCK_ERROR)];
    this.#due = due.sort((a, b) => a - b).slice(0, MOST_DUE);
  }

  /** In milliseconds until something may be tried again; Infinity: nothing waits for that. */
  dueIn(now: number): number {
    const [next = Number.POSITIVE_INFINITY] = this.#due;
    return next - now;
  }

  /** What is due by now is being looked at. */
  lookedAt(now: number): void {
    this.#due = this.#due.filter((due) => due > now);
  }
}
