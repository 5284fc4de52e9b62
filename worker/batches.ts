import type { Delivery } from './delivery.ts';
import { Inbox } from './inbox.ts';
import { Abandoned } from './outages.ts';

/** More would not make it faster, and would keep Redis and the database busy with one worker for longer. */
const MAX_BATCH = 500;
/** While one waits for Redis or the database, the other is decoded or acknowledged. */
const BATCHES_UNDER_WAY = 2;
/** A second batch that is smaller costs more than it gains. */
const LEAST_BESIDE = 200;
/** Every await within a batch has a deadline of some seconds: a batch that takes longer is stuck. */
const STUCK = 120_000;

export interface BatchesOptions {
  /** @throws Abandoned when the worker stops during an outage */
  readonly handle: (batch: readonly Delivery[]) => Promise<void>;
  readonly handled: (batch: readonly Delivery[], seconds: number) => void;
}

/** Handles what arrives in batches, two at a time. */
export class Batches {
  readonly #options: BatchesOptions;
  readonly #inbox = new Inbox({ most: MAX_BATCH, leastBeside: LEAST_BESIDE });
  #underWay = 0;
  #progressAt = 0;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /** Nothing has been acknowledged for a long time, and no batch has begun. */
  get stuck(): boolean {
    return this.#underWay > 0 && Date.now() - this.#progressAt > STUCK;
  }

  push(delivery: Delivery): void {
    this.#inbox.push(delivery);
  }

  /** A batch was acknowledged, in part or as a whole. */
  progressed(): void {
    this.#progressAt = Date.now();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#inbox.end();
  }

  /** Resolves when nothing comes any more and all that came is handled. @throws what `handle` throws */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, () => this.#oneAfterAnother()));
  }

  async #oneAfterAnother(): Promise<void> {
    for (let batch = await this.#inbox.take(); batch; batch = await this.#inbox.take()) {
      const begun = Date.now();
      this.#progressAt = begun;
      this.#underWay++;
      try {
        await this.#options.handle(batch);
      } catch (error) {
        if (error instanceof Abandoned) return;
        throw error;
      } finally {
        this.#underWay--;
        this.#inbox.done();
      }
      this.#options.handled(batch, (Date.now() - begun) / 1_000);
    }
  }
}
