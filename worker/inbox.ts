import type { Delivery } from './delivery.ts';
import { Signal } from './signal.ts';

export interface InboxLimits {
  /** The most that is taken together. */
  readonly most: number;
  /** The least that is worth a batch of its own while another one is under way. */
  readonly leastBeside: number;
}

/**
 * What has arrived and is not yet being handled, in order of arrival. No timer waits for more: a batch is what arrived
 * while the ones before were handled, so batches are small when little happens and large when much does.
 */
export class Inbox {
  readonly #limits: InboxLimits;
  readonly #change = new Signal();
  #waiting: Delivery[] = [];
  #underWay = 0;
  #ended = false;

  constructor(limits: InboxLimits) {
    this.#limits = limits;
  }

  push(delivery: Delivery): void {
    this.#waiting.push(delivery);
    const { length } = this.#waiting;
    if (length === 1 || length === this.#limits.leastBeside) this.#change.notify();
  }

  /** Nothing comes any more; what waits can still be taken. */
  end(): void {
    this.#ended = true;
    this.#change.notify();
  }

  /**
   * Waits for the next batch, which is under way until `done`. Undefined after the last one. Deliveries of closed
   * channels are left out.
   */
  async take(): Promise<Delivery[] | undefined> {
    for (;;) {
      const least = this.#underWay === 0 ? 1 : this.#limits.leastBeside;
      if (this.#waiting.length >= least) {
        const batch = this.#next();
        if (batch.length === 0) continue;
        this.#underWay++;
        return batch;
      }
      if (this.#ended && this.#waiting.length === 0) return undefined;
      await this.#change.next();
    }
  }

  /** A batch that was taken has ended. */
  done(): void {
    this.#underWay--;
    this.#change.notify();
  }

  #next(): Delivery[] {
    const { most } = this.#limits;
    const batch = this.#waiting.length <= most ? this.#waiting : this.#waiting.slice(0, most);
    this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(most);
    return batch.every(({ source }) => source.open) ? batch : batch.filter(({ source }) => source.open);
  }
}
