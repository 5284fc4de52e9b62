import type { Message as ReturnedMessage } from 'amqplib';
import { BrokerLink, type Link } from './broker-link.ts';
import {
  type Message,
  type MessageBuilder,
  messageBuilder,
  type OrderChange,
  type PublishOptions,
} from './message.ts';
import { type PublisherOptions, type PublisherSettings, publisherSettings } from './options.ts';
import { PublishError, type PublishFailure } from './publish-error.ts';

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

/** An event from the call of `publish` to its answer. */
interface Outstanding {
  readonly message: Message;
  readonly deadline: NodeJS.Timeout;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: PublishError) => void;
  settled: boolean;
  sent: boolean;
  returned: boolean;
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
    if (this.#closed !== undefined)
      throw new PublishError('Closed', 'the publisher is closed', { messageId: message.messageId });
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.#timeOut(outstanding), this.#settings.timeoutMilliseconds);
      const state = { settled: false, sent: false, returned: false };
      const outstanding: Outstanding = { message, deadline, resolve, reject, ...state };
      this.#outstanding.add(outstanding);
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

  /** Everything unanswered is sent again; but not when the broker refused the channel, since it would again. */
  #down(link: Link, refusal: Error | undefined): void {
    if (this.#link === link) this.#link = undefined;
    const lost = [...this.#inFlight];
    this.#inFlight = new Set();
    if (refusal === undefined) {
      this.#waiting = new Set([...lost.filter(({ settled }) => !settled), ...this.#waiting]);
      return;
    }
    for (const each of lost) this.#fail(each, 'Refused', refusal.message, true);
    this.#trouble(refusal);
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
      this.#waiting.delete(outstanding);
      this.#transmit(link, outstanding);
    }
  }

  #transmit(link: Link, outstanding: Outstanding): void {
    const { messageId, routingKey, body, timestampSeconds, contentType, headers } = outstanding.message;
    const { exchange, mandatory } = this.#settings;
    const properties = { messageId, timestamp: timestampSeconds, contentType, headers: { ...headers } };
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
    else this.#settle(outstanding, () => outstanding.resolve({ messageId: outstanding.message.messageId }));
    this.#send();
  }

  /** Comes before the confirmation of the same message. */
  #returned({ fields, properties }: ReturnedMessage): void {
    for (const each of this.#inFlight)
      if (each.message.messageId === properties.messageId && each.message.routingKey === fields.routingKey)
        each.returned = true;
  }

  #timeOut(outstanding: Outstanding): void {
    const what = outstanding.sent ? 'sent and not confirmed' : 'not sent';
    const trouble = this.#lastTrouble === undefined ? '' : `; ${this.#lastTrouble}`;
    const detail = `${what} within ${this.#settings.timeoutMilliseconds} ms${trouble}`;
    this.#fail(outstanding, 'TimedOut', detail, outstanding.sent);
  }

  #fail(outstanding: Outstanding, reason: PublishFailure, detail: string, mayHaveArrived: boolean): void {
    const { messageId } = outstanding.message;
    const error = new PublishError(reason, detail, { messageId, mayHaveArrived });
    this.#settle(outstanding, () => outstanding.reject(error));
  }

  #settle(outstanding: Outstanding, answer: () => void): void {
    if (outstanding.settled) return;
    outstanding.settled = true;
    clearTimeout(outstanding.deadline);
    this.#outstanding.delete(outstanding);
    this.#waiting.delete(outstanding);
    answer();
    if (this.#outstanding.size === 0) this.#idle?.();
  }
}
