import type { Delivery } from './delivery.ts';
import { Signal } from './signal.ts';

/**
 * What has arrived and is not yet being handled, in order of arrival. No timer waits for more: a batch is what arrived
 * while the one before was handled, so batches are small when little happens and large when much does.
 */
export class Inbox {
  readonly #limit: number;
  readonly #arrival = new Signal();
  #waiting: Delivery[] = [];
  #ended = false;

  /** @param limit the most that is taken together */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(delivery: Delivery): void {
    this.#waiting.push(delivery);
    if (this.#waiting.length === 1) this.#arrival.notify();
  }

  /** Nothing comes any more; what waits can still be taken. */
  end(): void {
    this.#ended = true;
    this.#arrival.notify();
  }

  /** Waits for the next batch. Undefined after the last one. Deliveries of closed channels are left out. */
  async take(): Promise<Delivery[] | undefined> {
    for (;;) {
      const batch = this.#next();
      if (batch.length > 0) return batch;
      if (this.#waiting.length > 0) continue;
      if (this.#ended) return undefined;
      await this.#arrival.next();
    }
  }

  #next(): Delivery[] {
    const batch = this.#waiting.length <= this.#limit ? this.#waiting : this.#waiting.slice(0, this.#limit);
    this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(this.#limit);
    return batch.every(({ source }) => source.open) ? batch : batch.filter(({ source }) => source.open);
  }
}
