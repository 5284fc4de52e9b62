import type { Logger } from 'pino';
import { type Backoff, backoffDelay } from './backoff.ts';
import type { Completions } from './completions.ts';
import type { PublishResult } from './confirmed-publisher.ts';
import type { Delivery } from './delivery.ts';
import { LogLimit } from './log-limit.ts';
import type { Outgoing } from './outgoing.ts';

const MAX_IN_FLIGHT = 100;
const REFUSED: Backoff = { initial: 500, maximum: 10_000 };

interface Parcel {
  readonly delivery: Delivery;
  readonly message: Outgoing;
}

/**
 * Moves messages to another queue: a delivery is acknowledged when its copy is confirmed. While the other queue
 * refuses, its messages are kept and tried again one at a time; the rest of the work goes on.
 */
export class Rerouting {
  readonly #outcome: 'retried' | 'dead-lettered';
  readonly #publish: (message: Outgoing) => Promise<PublishResult>;
  readonly #completions: Completions;
  readonly #log: Logger;
  readonly #limit = new LogLimit(3);
  /** Handed over and not confirmed, in order. */
  #waiting: Parcel[] = [];
  #inFlight = 0;
  #refusals = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    outcome: 'retried' | 'dead-lettered',
    publish: (message: Outgoing) => Promise<PublishResult>,
    completions: Completions,
    log: Logger,
  ) {
    this.#outcome = outcome;
    this.#publish = publish;
    this.#completions = completions;
    this.#log = log;
  }

  /** The last message was refused, and others wait behind it. */
  get refusing(): boolean {
    return this.#refusals > 0 && this.#waiting.some(({ delivery }) => delivery.source.open);
  }

  /** Messages that are neither confirmed nor forgotten. */
  get pending(): number {
    return this.#waiting.length + this.#inFlight;
  }

  send(delivery: Delivery, message: Outgoing): void {
    this.#waiting.push({ delivery, message });
    if (this.#refusals > 0) this.#completions.keepBack(delivery);
    else this.#pump();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #pump(): void {
    this.#waiting = this.#waiting.filter(({ delivery }) => delivery.source.open);
    if (this.#waiting.length === 0 && this.#inFlight === 0) this.#refusals = 0;
    const limit = this.#refusals > 0 ? 1 : MAX_IN_FLIGHT;
    while (this.#inFlight < limit) {
      const parcel = this.#waiting.shift();
      if (parcel === undefined) return;
      this.#inFlight++;
      void this.#carry(parcel);
    }
  }

  async #carry(parcel: Parcel): Promise<void> {
    const result = await this.#publish(parcel.message);
    this.#inFlight--;
    if (result.kind === 'Refused') return this.#refused(parcel, result.reason);
    this.#refusals = 0;
    this.#completions.finish(parcel.delivery, this.#outcome);
    this.#completions.flushSoon();
    this.#pump();
  }

  #refused(parcel: Parcel, reason: string): void {
    this.#waiting.unshift(parcel);
    for (const { delivery } of this.#waiting) this.#completions.keepBack(delivery);
    if (this.#timer !== undefined) return;
    this.#refusals++;
    this.#logRefusal(reason);
    const delay = backoffDelay(REFUSED, this.#refusals, Math.random());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, delay);
  }

  #logRefusal(reason: string): void {
    const suppressed = this.#limit.admit(reason, Date.now());
    if (suppressed === undefined) return;
    const fields = { outcome: this.#outcome, reason, waiting: this.#waiting.length, suppressed };
    this.#log.error(fields, 'publishing refused: the messages are kept');
  }
}
