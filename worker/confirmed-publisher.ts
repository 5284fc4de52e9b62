import type { ConfirmChannel, Options } from 'amqplib';
import type { Logger } from 'pino';
import { within } from './deadline.ts';
import type { Outgoing } from './outgoing.ts';
import { closeQuietly, type RabbitMQConnection } from './rabbitmq-connection.ts';

const CONNECTION_DEADLINE = 5_000;
const ANSWER_DEADLINE = 10_000;
const CONFIRM_DEADLINE = 30_000;
const CONFIRM_CHECK = 1_000;

const CONFIRMED = { kind: 'Confirmed' } as const;

/** What became of a message. After a refusal it may still lie in the queue: publishing it again may double it. */
export type PublishResult =
  | { readonly kind: 'Confirmed' }
  | { readonly kind: 'Refused'; readonly reason: Refusal };

export type Refusal =
  | 'NotConnected'
  /** The broker has a memory or disk alarm. */
  | 'Blocked'
  | 'ChannelClosed'
  /** Something in flight made the broker fail (INTERNAL_ERROR), and it closed the connection. */
  | 'BrokerFailed'
  /** No queue took it: it is missing, or not bound. */
  | 'Unroutable'
  /** The queue is full. */
  | 'Rejected'
  | 'NoConfirm';

interface InFlight {
  readonly target: string;
  readonly channel: ConfirmChannel;
  /** Monotonic milliseconds: a clock that is put back must not lengthen the wait. */
  readonly since: number;
  readonly failuresBefore: number;
  readonly end: (result: PublishResult) => void;
  unroutable: boolean;
}

/** Publishes persistent and confirmed, on a channel of its own, opened when it is needed. */
export class ConfirmedPublisher {
  readonly #connection: RabbitMQConnection;
  readonly #log: Logger;
  readonly #inFlight = new Set<InFlight>();
  #channel: Promise<ConfirmChannel> | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(connection: RabbitMQConnection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /** Never rejects. */
  async publish(message: Outgoing): Promise<PublishResult> {
    if (this.#connection.blocked) return refused('Blocked');
    let channel: ConfirmChannel;
    try {
      this.#channel ??= this.#open();
      channel = await this.#channel;
    } catch {
      this.#channel = undefined;
      return refused('NotConnected');
    }
    return this.#publishOn(channel, message);
  }

  #publishOn(channel: ConfirmChannel, message: Outgoing): Promise<PublishResult> {
    return new Promise((resolve) => {
      const inFlight: InFlight = {
        target: message.mandatory ? targetOf(message) : '',
        channel,
        since: performance.now(),
        failuresBefore: this.#connection.brokerFailures,
        end: (result) => {
          this.#inFlight.delete(inFlight);
          resolve(result);
        },
        unroutable: false,
      };
      this.#inFlight.add(inFlight);
      this.#deadline ??= setTimeout(() => this.#expire(), CONFIRM_CHECK);
      try {
        send(channel, message, (error) => inFlight.end(this.#result(inFlight, error)));
      } catch (error) {
        inFlight.end(this.#result(inFlight, error));
      }
    });
  }

  #result({ unroutable, failuresBefore }: InFlight, error: unknown): PublishResult {
    if (error === null) return unroutable ? refused('Unroutable') : CONFIRMED;
    if (error instanceof Error && error.message === 'message nacked') return refused('Rejected');
    return refused(this.#connection.brokerFailures > failuresBefore ? 'BrokerFailed' : 'ChannelClosed');
  }

  /** One clock for all of them: they are in the order of sending. */
  #expire(): void {
    this.#deadline = undefined;
    const now = performance.now();
    for (const { since, channel, end } of this.#inFlight) {
      if (now - since < CONFIRM_DEADLINE) break;
      void closeQuietly(channel);
      end(refused('NoConfirm'));
    }
    if (this.#inFlight.size > 0) this.#deadline = setTimeout(() => this.#expire(), CONFIRM_CHECK);
  }

  async #open(): Promise<ConfirmChannel> {
    const model = await this.#connection.model(CONNECTION_DEADLINE);
    const opening = model.createConfirmChannel();
    const channel = await within(ANSWER_DEADLINE, 'channel.open', opening).catch((error: unknown) => {
      opening.then(closeQuietly, () => undefined);
      throw error;
    });
    channel.on('return', ({ fields }) => this.#returned(targetOf(fields)));
    channel.on('error', (error) => this.#log.error({ reason: error.message }, 'publishing channel closed'));
    channel.on('close', () => {
      this.#channel = undefined;
    });
    return channel;
  }

  /**
   * The broker returns a message before it confirms it, and names the target only: every message in flight to the
   * target counts as not routed. One that was routed after all is published twice then.
   */
  #returned(target: string): void {
    for (const each of this.#inFlight) if (each.target === target) each.unroutable = true;
  }
}

/**
 * Calls back when the broker has confirmed (null) or refused, or the channel closes.
 *
 * What an initiator sent can be read and yet not be written again: bytes that are no UTF-8, a timestamp of 2^64 - 1.
 * Its message must not stand in the way of all others for that. Nothing was sent by a try that throws.
 *
 * @throws Error when the channel has closed
 */
function send(channel: ConfirmChannel, message: Outgoing, answered: (error: unknown) => void): void {
  const { exchange, routingKey, body, mandatory, properties, headers, ownHeaders } = message;
  const publish = (options: Options.Publish) =>
    channel.publish(exchange, routingKey, body, { ...options, persistent: true, mandatory }, answered);
  try {
    publish({ ...properties, headers: { ...headers } });
    return;
  } catch {
    // Its headers, or its properties.
  }
  try {
    publish({ ...properties, headers: { ...ownHeaders } });
  } catch {
    publish({ headers: { ...ownHeaders } });
  }
}

function targetOf({ exchange, routingKey }: Pick<Outgoing, 'exchange' | 'routingKey'>): string {
  return JSON.stringify([exchange, routingKey]);
}

function refused(reason: Refusal): PublishResult {
  return { kind: 'Refused', reason };
}
