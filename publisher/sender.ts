import type { Message as ReturnedMessage } from 'amqplib';
import { type Confirmation, DIRECT_REPLY_TO } from '../api/confirmation.ts';
import { refused, unroutable } from './answers.ts';
import { BrokerLink, type Link } from './broker-link.ts';
import type { Message } from './message.ts';
import type { PublisherSettings } from './options.ts';
import { type Outstanding, OutstandingEvents } from './outstanding.ts';
import { Replies } from './replies.ts';

/** Sends events, again whenever a connection is lost, until each has its answer or its deadline. */
export class Sender {
  readonly #settings: PublisherSettings;
  readonly #broker: BrokerLink;
  readonly #events = new OutstandingEvents();
  readonly #replies = new Replies((correlationId, confirmation) =>
    this.#confirmed(correlationId, confirmation),
  );
  #link: Link | undefined;
  /** Since the connection was last up. */
  #lastTrouble: string | undefined = 'not connected yet';

  constructor(settings: PublisherSettings) {
    this.#settings = settings;
    this.#broker = new BrokerLink(settings.server, {
      up: (link) => this.#up(link),
      down: (link, refusal) => this.#down(link, refusal),
      trouble: (error) => this.#trouble(error),
    });
  }

  /**
   * @param correlationId set: a worker's confirmation is waited for
   * @throws PublishError
   */
  send(
    message: Message,
    timeoutMilliseconds: number,
    correlationId?: string,
  ): Promise<Confirmation | undefined> {
    const outstanding = { message, correlationId, timeoutMilliseconds };
    const answer = this.#events.add(outstanding, () => this.#lastTrouble);
    this.#sendWaiting();
    return answer;
  }

  /** Waits for what is outstanding, then closes the connection. */
  async close(): Promise<void> {
    await this.#events.idle();
    await this.#broker.close();
  }

  #up(link: Link): void {
    this.#link = link;
    this.#lastTrouble = undefined;
    link.channel.on('return', (message) => this.#returned(message));
    this.#sendWaiting();
  }

  /** Everything unanswered is sent again; but not when the broker refused the channel, since it would again. */
  #down(link: Link, refusal: Error | undefined): void {
    if (this.#link === link) this.#link = undefined;
    const lost = this.#events.lost();
    if (refusal !== undefined) {
      for (const each of lost) this.#events.fail(each, refused(each, refusal.message));
      this.#trouble(refusal);
    }
    this.#events.sendAgain(lost);
  }

  #trouble(error: Error): void {
    this.#lastTrouble = error.message;
    try {
      this.#settings.onConnectionError(error);
    } catch {
      // What the application does with it must not decide whether the connection is made again.
    }
  }

  #sendWaiting(): void {
    const link = this.#link;
    if (link === undefined) return;
    for (const outstanding of this.#events.waiting) {
      if (this.#events.inFlight.size >= this.#settings.maxInFlight) return;
      const waits = outstanding.correlationId !== undefined;
      if (waits && !this.#replies.open(link, () => this.#sendWaiting())) return;
      this.#events.sent(outstanding);
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

  #answered(link: Link, outstanding: Outstanding, isRefused: boolean): void {
    if (link.lost) return;
    this.#events.answered(outstanding);
    if (isRefused)
      this.#events.fail(
        outstanding,
        refused(outstanding, 'the broker refused it: a queue is full or failed'),
      );
    else if (outstanding.returned) this.#events.fail(outstanding, unroutable(outstanding));
    else if (outstanding.correlationId !== undefined) outstanding.arrived = true;
    else this.#events.succeed(outstanding);
    this.#sendWaiting();
  }

  /** May come before the broker's own answer. */
  #confirmed(correlationId: string, confirmation: Confirmation): void {
    const outstanding = this.#events.waitingForWorker(correlationId);
    if (outstanding !== undefined) this.#events.succeed(outstanding, confirmation);
  }

  /** Comes before the confirmation of the same message. */
  #returned({ fields, properties }: ReturnedMessage): void {
    for (const each of this.#events.inFlight)
      if (each.message.messageId === properties.messageId && each.message.routingKey === fields.routingKey)
        each.returned = true;
  }
}
