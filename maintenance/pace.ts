import { setTimeout as sleep } from 'node:timers/promises';

/** Work of so many units a second at most, evenly; what was not used is not saved up. */
export class Pace {
  readonly #millisecondsPerUnit: number;
  /** When the next unit is due, in monotonic milliseconds. */
  #free = 0;

  constructor(perSecond: number) {
    this.#millisecondsPerUnit = 1_000 / perSecond;
  }

  /** Resolves when so many units may begin, at once when aborted. */
  async take(units: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const due = Math.max(now, this.#free);
    this.#free = due + units * this.#millisecondsPerUnit;
    if (due > now) await sleep(due - now, undefined, { signal }).catch(() => undefined);
  }
}
