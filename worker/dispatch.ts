import type { Logger } from 'pino';
import { type Backoff, backoffDelay } from './backoff.ts';
import type { Completions } from './completions.ts';
import type { PublishResult, Refusal } from './confirmed-publisher.ts';
import type { Delivery } from './delivery.ts';
import { LogLimit } from './log-limit.ts';
import type { Outgoing } from './outgoing.ts';

const REFUSED: Backoff = { initial: 500, maximum: 10_000 };

interface Parcel {
  readonly delivery: Delivery;
  readonly message: Outgoing;
  readonly confirmed: () => void;
  /** The broker failed while this one and others were in flight. Now it goes alone. */
  suspect: boolean;
}

export interface DispatchOptions {
  /** What is sent, for the log. */
  readonly name: string;
  readonly publish: (message: Outgoing) => Promise<PublishResult>;
  readonly completions: Completions;
  readonly log: Logger;
  /** In messages. */
  readonly maxInFlight: number;
  /**
   * Whether a message is given up after this refusal. For BrokerFailed it is asked about one that was alone in flight,
   * so that it is the one to blame. Default: never.
   */
  readonly givesUp?: (reason: Refusal, message: Outgoing) => boolean;
}

/**
 * Publishes what must be at the broker before its delivery is acknowledged. While the broker refuses, messages are
 * kept and tried again one at a time; the rest of the work goes on.
 */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #limit = new LogLimit(3);
  /** Handed over and not in flight; tried again before those that wait. */
  #again: Parcel[] = [];
  #waiting: Parcel[] = [];
  #inFlight = 0;
  #suspectInFlight = false;
  #refusals = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** The last message was refused, and others wait behind it. */
  get refusing(): boolean {
    return this.#refusals > 0 && this.#kept().some(({ delivery }) => delivery.source.open);
  }

  /** Messages that are neither confirmed nor forgotten. */
  get pending(): number {
    return this.#again.length + this.#waiting.length + this.#inFlight;
  }

  /** Calls `confirmed` when the broker has the message; never when the delivery's channel closes before. */
  send(delivery: Delivery, message: Outgoing, confirmed: () => void): void {
    this.#waiting.push({ delivery, message, confirmed, suspect: false });
    if (this.#refusals > 0) this.#options.completions.keepBack(delivery);
    else this.#pump();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#again = [];
    this.#waiting = [];
  }

  #kept(): Parcel[] {
    return this.#again.concat(this.#waiting);
  }

  #pump(): void {
    const limit = this.#refusals > 0 ? 1 : this.#options.maxInFlight;
    while (this.#inFlight < limit && !this.#suspectInFlight) {
      const parcel = this.#next();
      if (parcel === undefined) break;
      this.#inFlight++;
      this.#suspectInFlight = parcel.suspect;
      void this.#carry(parcel);
    }
    if (this.pending === 0) this.#refusals = 0;
  }

  /** What came on a channel that has closed comes again. */
  #next(): Parcel | undefined {
    for (;;) {
      const parcel = this.#again[0] ?? this.#waiting[0];
      if (parcel === undefined || (parcel.suspect && this.#inFlight > 0)) return undefined;
      if (this.#again.length > 0) this.#again.shift();
      else this.#waiting.shift();
      if (parcel.delivery.source.open) return parcel;
    }
  }

  async #carry(parcel: Parcel): Promise<void> {
    const result = await this.#options.publish(parcel.message);
    this.#inFlight--;
    if (parcel.suspect) this.#suspectInFlight = false;
    if (result.kind === 'Refused' && !this.#givenUp(parcel, result.reason))
      return this.#refused(parcel, result.reason);
    this.#refusals = 0;
    parcel.confirmed();
    this.#options.completions.flushSoon();
    this.#pump();
  }

  #givenUp({ message, suspect }: Parcel, reason: Refusal): boolean {
    if (reason === 'BrokerFailed' && !suspect) return false;
    if (this.#options.givesUp?.(reason, message) !== true) return false;
    this.#logRefusal(reason, 'publishing refused: the message is given up');
    return true;
  }

  #refused(parcel: Parcel, reason: Refusal): void {
    if (reason === 'BrokerFailed') parcel.suspect = true;
    this.#again.push(parcel);
    this.#options.completions.keepBack(parcel.delivery);
    if (this.#timer !== undefined) return;
    for (const { delivery } of this.#waiting) this.#options.completions.keepBack(delivery);
    this.#refusals++;
    this.#logRefusal(reason, 'publishing refused: the messages are kept');
    const delay = backoffDelay(REFUSED, this.#refusals, Math.random());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, delay);
  }

  #logRefusal(reason: Refusal, text: string): void {
    const suppressed = this.#limit.admit(reason, Date.now());
    if (suppressed === undefined) return;
    const fields = { outcome: this.#options.name, reason, waiting: this.pending, suppressed };
    this.#options.log.error(fields, text);
  }
}
