import { randomUUID } from 'node:crypto';
import type { Message as ReturnedMessage } from 'amqplib';
import { type Confirmation, DIRECT_REPLY_TO } from '../api/confirmation.ts';
import { BrokerLink, type Link } from './broker-link.ts';
import {
  invalid,
  type Message,
  type MessageBuilder,
  messageBuilder,
  type OrderChange,
  type PublishOptions,
  type WaitOptions,
} from './message.ts';
import { type PublisherOptions, type PublisherSettings, publisherSettings, wholeNumber } from './options.ts';
import { type Outstanding, timedOut, type VisibleChange, visibleChange } from './outstanding.ts';
import { PublishError, type PublishFailure } from './publish-error.ts';
import { Replies } from './replies.ts';

export interface Receipt {
  readonly messageId: string;
}

/** Publishes order status events, each confirmed by the broker. */
export interface Publisher {
  /**
   * Resolves when the broker has the event on disk in its queues. An event without an answer is sent again on the
   * next connection, with the same message id, until the deadline: it may arrive twice, which is harmless.
   *
   * Publish after the transaction has committed, unless the event carries the row's version.
   *
   * @throws PublishError whose `reason` says what to do next
   */
  publish(change: OrderChange, options?: PublishOptions): Promise<Receipt>;
  /**
   * As `publish`, and resolves when the change is visible: whoever asks the cache from then on gets the row as it was
   * after the change or later, or a miss and reads it. Needs a policy with `spec.confirmation`. Events that wait for
   * a worker do not count towards `maxInFlight`.
   *
   * @throws PublishError; NotConfirmed when no worker has said so by the deadline
   */
  publishAndWait(change: OrderChange, options?: WaitOptions): Promise<VisibleChange>;
  /** Waits for what is in flight (each event has its deadline), then closes the connection. */
  close(): Promise<void>;
}

/**
 * Returns at once and connects in the background.
 * @throws TypeError that names an option, what was expected and what came
 */
export function createPublisher(options: PublisherOptions): Publisher {
  return new ConfirmedPublisher(publisherSettings(options));
}

class ConfirmedPublisher implements Publisher {
  readonly #settings: PublisherSettings;
  readonly #build: MessageBuilder;
  readonly #broker: BrokerLink;
  readonly #outstanding = new Set<Outstanding>();
  /** Not on the wire now: in the order of the calls, what was lost with a connection first. */
  #waiting = new Set<Outstanding>();
  /** On the wire and unanswered, in the order of sending. */
  #inFlight = new Set<Outstanding>();
  /** What waits for a worker, by correlation id. */
  readonly #unconfirmed = new Map<string, Outstanding>();
  readonly #replies = new Replies((correlationId, confirmation) =>
    this.#confirmed(correlationId, confirmation),
  );
  #link: Link | undefined;
  /** Since the connection was last up. */
  #lastTrouble: string | undefined = 'not connected yet';
  #closed: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(settings: PublisherSettings) {
    this.#settings = settings;
    this.#build = messageBuilder(settings);
    this.#broker = new BrokerLink(settings.server, {
      up: (link) => this.#up(link),
      down: (link, refusal) => this.#down(link, refusal),
      trouble: (error) => this.#trouble(error),
    });
  }

  async publish(change: OrderChange, options: PublishOptions = {}): Promise<Receipt> {
    const message = this.#build(change, options);
    await this.#answer(message, this.#settings.timeoutMilliseconds);
    return { messageId: message.messageId };
  }

  async publishAndWait(change: OrderChange, options: WaitOptions = {}): Promise<VisibleChange> {
    const message = this.#build(change, options);
    const { messageId } = message;
    const timeout = waitTimeout(options.timeoutMilliseconds ?? this.#settings.timeoutMilliseconds, messageId);
    return visibleChange(messageId, await this.#answer(message, timeout, randomUUID()));
  }

  #answer(message: Message, timeoutMilliseconds: number, correlationId?: string) {
    if (this.#closed !== undefined)
      throw new PublishError('Closed', 'the publisher is closed', { messageId: message.messageId });
    return new Promise<Confirmation | undefined>((resolve, reject) => {
      const deadline = setTimeout(
        () => this.#reject(outstanding, timedOut(outstanding, this.#lastTrouble)),
        timeoutMilliseconds,
      );
      const outstanding: Outstanding = {
        message,
        correlationId,
        timeoutMilliseconds,
        deadline,
        resolve,
        reject,
        settled: false,
        sent: false,
        returned: false,
        arrived: false,
      };
      this.#outstanding.add(outstanding);
      if (correlationId !== undefined) this.#unconfirmed.set(correlationId, outstanding);
      this.#waiting.add(outstanding);
      this.#send();
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#outstanding.size > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    await this.#broker.close();
  }

  #up(link: Link): void {
    this.#link = link;
    this.#lastTrouble = undefined;
    link.channel.on('return', (message) => this.#returned(message));
    this.#send();
  }

  /**
   * Everything unanswered is sent again; but not when the broker refused the channel, since it would again. What waits
   * for a worker is, too: its reply address was the channel's.
   */
  #down(link: Link, refusal: Error | undefined): void {
    if (this.#link === link) this.#link = undefined;
    const lost = [...this.#inFlight];
    this.#inFlight = new Set();
    if (refusal !== undefined) {
      for (const each of lost) this.#fail(each, 'Refused', refusal.message, true);
      this.#trouble(refusal);
    }
    const again = [...lost.filter(({ settled }) => !settled), ...this.#unconfirmed.values()];
    this.#waiting = new Set([...again, ...this.#waiting]);
  }

  #trouble(error: Error): void {
    this.#lastTrouble = error.message;
    try {
      this.#settings.onConnectionError(error);
    } catch {
      // What the application does with it must not decide whether the connection is made again.
    }
  }

  #send(): void {
    const link = this.#link;
    if (link === undefined) return;
    for (const outstanding of this.#waiting) {
      if (this.#inFlight.size >= this.#settings.maxInFlight) return;
      const waits = outstanding.correlationId !== undefined;
      if (waits && !this.#replies.open(link, () => this.#send())) return;
      this.#waiting.delete(outstanding);
      this.#transmit(link, outstanding);
    }
  }

  #transmit(link: Link, outstanding: Outstanding): void {
    const { messageId, routingKey, body, timestampSeconds, contentType, headers } = outstanding.message;
    const { exchange, mandatory } = this.#settings;
    const { correlationId } = outstanding;
    const reply = correlationId === undefined ? {} : { correlationId, replyTo: DIRECT_REPLY_TO };
    const properties = {
      messageId,
      timestamp: timestampSeconds,
      contentType,
      headers: { ...headers },
      ...reply,
    };
    this.#inFlight.add(outstanding);
    outstanding.sent = true;
    outstanding.returned = false;
    try {
      link.channel.publish(
        exchange,
        routingKey,
        body,
        { ...properties, persistent: true, mandatory },
        (error) => this.#answered(link, outstanding, error !== null),
      );
    } catch {
      // The channel is closing: `down` follows and puts the event back.
    }
  }

  #answered(link: Link, outstanding: Outstanding, refused: boolean): void {
    if (link.lost) return;
    this.#inFlight.delete(outstanding);
    if (refused) this.#fail(outstanding, 'Refused', 'the broker refused it: a queue is full or failed', true);
    else if (outstanding.returned)
      this.#fail(outstanding, 'Unroutable', 'no queue is bound for the routing key', false);
    else if (outstanding.correlationId !== undefined) outstanding.arrived = true;
    else this.#settle(outstanding, () => outstanding.resolve(undefined));
    this.#send();
  }

  /** May come before the broker's own answer. */
  #confirmed(correlationId: string, confirmation: Confirmation): void {
    const outstanding = this.#unconfirmed.get(correlationId);
    if (outstanding !== undefined) this.#settle(outstanding, () => outstanding.resolve(confirmation));
  }

  /** Comes before the confirmation of the same message. */
  #returned({ fields, properties }: ReturnedMessage): void {
    for (const each of this.#inFlight)
      if (each.message.messageId === properties.messageId && each.message.routingKey === fields.routingKey)
        each.returned = true;
  }

  #fail(outstanding: Outstanding, reason: PublishFailure, detail: string, mayHaveArrived: boolean): void {
    const { messageId } = outstanding.message;
    const facts = { messageId, mayHaveArrived: mayHaveArrived || outstanding.arrived };
    this.#reject(outstanding, new PublishError(reason, detail, facts));
  }

  #reject(outstanding: Outstanding, error: PublishError): void {
    this.#settle(outstanding, () => outstanding.reject(error));
  }

  #settle(outstanding: Outstanding, answer: () => void): void {
    if (outstanding.settled) return;
    outstanding.settled = true;
    clearTimeout(outstanding.deadline);
    this.#outstanding.delete(outstanding);
    this.#waiting.delete(outstanding);
    if (outstanding.correlationId !== undefined) this.#unconfirmed.delete(outstanding.correlationId);
    answer();
    if (this.#outstanding.size === 0) this.#idle?.();
  }
}

function waitTimeout(milliseconds: number, messageId: string): number {
  try {
    return wholeNumber('timeoutMilliseconds', milliseconds, 3_600_000);
  } catch {
    throw invalid('timeoutMilliseconds', 'expected a whole number from 1 to 3600000', messageId);
  }
}
