import type { Confirmation } from '../api/confirmation.ts';
import { timedOut } from './answers.ts';
import type { Message } from './message.ts';
import type { PublishError } from './publish-error.ts';

/** An event from the call of `publish` or `publishAndWait` to its answer. */
export interface Outstanding {
  readonly message: Message;
  /** Set when a worker's confirmation is waited for; new for each call, since message ids may be used again. */
  readonly correlationId: string | undefined;
  readonly timeoutMilliseconds: number;
  readonly deadline: NodeJS.Timeout;
  /** `confirmation` is a worker's, if it was waited for. */
  readonly resolve: (confirmation: Confirmation | undefined) => void;
  readonly reject: (error: PublishError) => void;
  sent: boolean;
  returned: boolean;
  /** The broker has confirmed it; a worker has not yet. */
  arrived: boolean;
}

/** The events that have no answer yet, and where each of them is. */
export class OutstandingEvents {
  readonly #all = new Set<Outstanding>();
  #waiting = new Set<Outstanding>();
  #inFlight = new Set<Outstanding>();
  /** What waits for a worker, by correlation id. */
  readonly #unconfirmed = new Map<string, Outstanding>();
  #idle: (() => void) | undefined;

  /** Not on the wire now: in the order of the calls, what was lost with a connection first. */
  get waiting(): ReadonlySet<Outstanding> {
    return this.#waiting;
  }

  /** On the wire and unanswered, in the order of sending. */
  get inFlight(): ReadonlySet<Outstanding> {
    return this.#inFlight;
  }

  waitingForWorker(correlationId: string): Outstanding | undefined {
    return this.#unconfirmed.get(correlationId);
  }

  /** @param trouble why nothing gets through at present, for the error at the deadline */
  add(
    given: Pick<Outstanding, 'message' | 'correlationId' | 'timeoutMilliseconds'>,
    trouble: () => string | undefined,
  ): Promise<Confirmation | undefined> {
    return new Promise((resolve, reject) => {
      const expire = () => this.fail(outstanding, timedOut(outstanding, trouble()));
      const deadline = setTimeout(expire, given.timeoutMilliseconds);
      const progress = { sent: false, returned: false, arrived: false };
      const outstanding: Outstanding = { ...given, deadline, resolve, reject, ...progress };
      this.#all.add(outstanding);
      this.#waiting.add(outstanding);
      if (given.correlationId !== undefined) this.#unconfirmed.set(given.correlationId, outstanding);
    });
  }

  sent(outstanding: Outstanding): void {
    this.#waiting.delete(outstanding);
    this.#inFlight.add(outstanding);
    outstanding.sent = true;
    outstanding.returned = false;
  }

  /** The broker has answered. */
  answered(outstanding: Outstanding): void {
    this.#inFlight.delete(outstanding);
  }

  /** The connection went with what was on the wire. */
  lost(): Outstanding[] {
    const lost = [...this.#inFlight];
    this.#inFlight = new Set();
    return lost;
  }

  /** Before all that waits; and with it what waits for a worker, whose reply address was the channel's. */
  sendAgain(lost: readonly Outstanding[]): void {
    const again = [...lost.filter((each) => this.#all.has(each)), ...this.#unconfirmed.values()];
    this.#waiting = new Set([...again, ...this.#waiting]);
  }

  succeed(outstanding: Outstanding, confirmation?: Confirmation): void {
    this.#settle(outstanding, () => outstanding.resolve(confirmation));
  }

  fail(outstanding: Outstanding, error: PublishError): void {
    this.#settle(outstanding, () => outstanding.reject(error));
  }

  /** Resolves when every event has its answer. */
  async idle(): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  /** By the answer that comes first. */
  #settle(outstanding: Outstanding, answer: () => void): void {
    if (!this.#all.delete(outstanding)) return;
    const { correlationId, deadline } = outstanding;
    clearTimeout(deadline);
    this.#waiting.delete(outstanding);
    if (correlationId !== undefined) this.#unconfirmed.delete(correlationId);
    answer();
    if (this.#all.size === 0) this.#idle?.();
  }
}
