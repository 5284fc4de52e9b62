import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffDelay, PROBE } from './backoff.ts';

/** What is in flight on the old connection ends by itself within this, each statement having a deadline below it. */
const RETIREMENT = 15_000;

export interface RenewableOptions<T> {
  /** @throws when the credentials cannot be used; the message names the key and never the value */
  readonly create: () => T;
  readonly verify: (made: T) => Promise<void>;
  readonly dispose: (made: T) => void;
  readonly log: Logger;
}

/** A connection whose credentials may change: the old one is used until one with the new credentials has worked. */
export class Renewable<T> {
  readonly #options: RenewableOptions<T>;
  #current: T;
  /** Counts the renewals: only the last one takes effect. */
  #renewal = 0;

  constructor(options: RenewableOptions<T>) {
    this.#options = options;
    this.#current = options.create();
  }

  get current(): T {
    return this.#current;
  }

  /** Takes up new credentials in the background, with retries. */
  renew(): void {
    const renewal = ++this.#renewal;
    void this.#renew(() => renewal !== this.#renewal);
  }

  close(): void {
    this.#renewal++;
    this.#options.dispose(this.#current);
  }

  async #renew(outdated: () => boolean): Promise<void> {
    const { create, verify, dispose, log } = this.#options;
    for (let attempt = 1; !outdated(); attempt++) {
      let made: T | undefined;
      try {
        made = create();
        await verify(made);
        if (!outdated()) return this.#replace(made);
      } catch (error) {
        const reason = error instanceof Error ? error.message : 'unknown error';
        if (attempt === 1) log.error({ reason }, 'the new credentials do not work: the old ones stay in use');
      }
      if (made !== undefined) dispose(made);
      await sleep(backoffDelay(PROBE, attempt, Math.random()), undefined, { ref: false });
    }
  }

  #replace(made: T): void {
    const old = this.#current;
    this.#current = made;
    this.#options.log.info('the new credentials are in use');
    setTimeout(() => this.#options.dispose(old), RETIREMENT).unref();
  }
}
