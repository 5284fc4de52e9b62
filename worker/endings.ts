import type { Logger } from 'pino';
import type { OrderEvent } from '../api/event.ts';
import type { PauseReason } from '../api/worker-report.ts';
import type { Row } from '../cache/record.ts';
import type { Completions } from './completions.ts';
import type { Confirmations } from './confirmations.ts';
import type { PublishResult } from './confirmed-publisher.ts';
import type { Retry, Verdict } from './decide.ts';
import type { Delivery } from './delivery.ts';
import { Dispatch } from './dispatch.ts';
import { LogLimit } from './log-limit.ts';
import { deadLetterMessage, type Outgoing, retryMessage } from './outgoing.ts';
import { traceparentOf } from './traceparent.ts';

/** Retries and dead letters, each, in messages. */
const MAX_REROUTED = 100;

export interface EndingsOptions {
  readonly deadLetterQueue: string;
  /** Gives each time a way to publish on a channel of its own. */
  readonly publisher: () => (message: Outgoing) => Promise<PublishResult>;
  /** Undefined: the policy declares none. */
  readonly confirmations: Confirmations | undefined;
  readonly completions: Completions;
  readonly log: Logger;
}

/** How deliveries end: taken effect, tried again later or dead-lettered; told, and then acknowledged. */
export class Endings {
  readonly #options: EndingsOptions;
  /** Apart, each with its own channel: a missing ladder closes the channel, and dead letters go on. */
  readonly #retries: Dispatch;
  readonly #deadLetters: Dispatch;
  readonly #confirmations: Confirmations | undefined;
  readonly #completions: Completions;
  readonly #limit = new LogLimit();

  constructor(options: EndingsOptions) {
    const { publisher, completions, log } = options;
    this.#options = options;
    this.#confirmations = options.confirmations;
    this.#completions = completions;
    const rerouting = { completions, log, maxInFlight: MAX_REROUTED };
    this.#retries = new Dispatch({ name: 'retried', publish: publisher(), ...rerouting });
    this.#deadLetters = new Dispatch({ name: 'dead-lettered', publish: publisher(), ...rerouting });
  }

  /** What the broker does not take. */
  get refused(): readonly PauseReason[] {
    const reasons: PauseReason[] = [];
    if (this.#retries.refusing || this.#deadLetters.refusing) reasons.push('DeadLetterUnavailable');
    if (this.#confirmations?.refusing) reasons.push('ConfirmationUnavailable');
    return reasons;
  }

  /** Something is on its way to the broker and will get there. */
  get moving(): boolean {
    const rerouting = [this.#retries, this.#deadLetters].some(
      ({ pending, refusing }) => pending > 0 && !refusing,
    );
    return rerouting || this.#confirmations?.moving === true;
  }

  /**
   * Ends the delivery as the verdict says. It is acknowledged when that has happened and been told. No event: it is
   * malformed.
   */
  perform(delivery: Delivery, verdict: Verdict, event?: OrderEvent, row: Row | null = null): void {
    if (verdict.kind === 'Finished') {
      this.#end(delivery, verdict, event, row);
      if (verdict.outcome === 'unseen') this.#logEvent(delivery, event, 'unseen', 'RowBehind');
    } else if (verdict.kind === 'Retry') {
      this.#retries.send(delivery, retryMessage(delivery, verdict), () =>
        this.#completions.finish(delivery, 'retried'),
      );
      this.#logEvent(delivery, event, 'retried', verdict.reason, `attempt ${verdict.attempts}`);
    } else {
      const message = deadLetterMessage(delivery, verdict, this.#options.deadLetterQueue, new Date());
      this.#deadLetters.send(delivery, message, () => this.#end(delivery, verdict, event, row));
      this.#logEvent(delivery, event, 'dead-lettered', verdict.reason, verdict.detail);
    }
  }

  close(): void {
    this.#retries.close();
    this.#deadLetters.close();
    this.#confirmations?.close();
  }

  /** The effect has happened: it is told, if somebody wants to know, and then the delivery is acknowledged. */
  #end(
    delivery: Delivery,
    verdict: Exclude<Verdict, Retry>,
    event: OrderEvent | undefined,
    row: Row | null,
  ): void {
    const outcome = verdict.kind === 'DeadLetter' ? 'dead-lettered' : verdict.outcome;
    const timestamp = verdict.kind === 'DeadLetter' ? undefined : event?.timestampMs;
    if (this.#confirmations === undefined) this.#completions.finish(delivery, outcome, timestamp);
    else
      this.#confirmations.tell(delivery, verdict, event, row, () =>
        this.#completions.finish(delivery, outcome, timestamp),
      );
  }

  /** Never the payload; message id and trace are the initiator's names for the event. */
  #logEvent(
    delivery: Delivery,
    event: OrderEvent | undefined,
    outcome: string,
    reason: string,
    detail?: string,
  ): void {
    const suppressed = this.#limit.admit(`${outcome} ${reason}`, Date.now());
    if (suppressed === undefined) return;
    const messageId = String(delivery.properties.messageId ?? '').slice(0, 128);
    const traceparent = traceparentOf(delivery, event);
    const { queue } = delivery.source;
    this.#options.log.warn({ outcome, reason, detail, messageId, traceparent, queue, suppressed }, 'event');
  }
}
