import type { ConfirmChannel, Options } from 'amqplib';
import type { Logger } from 'pino';
import { DeadlineExceeded, within } from './deadline.ts';
import type { Outgoing } from './outgoing.ts';
import { closeQuietly, type RabbitMQConnection } from './rabbitmq-connection.ts';

const CONNECTION_DEADLINE = 5_000;
const ANSWER_DEADLINE = 10_000;
const CONFIRM_DEADLINE = 30_000;

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
  unroutable: boolean;
}

/** Publishes persistent and confirmed, on a channel of its own, opened when it is needed. */
export class ConfirmedPublisher {
  readonly #connection: RabbitMQConnection;
  readonly #log: Logger;
  readonly #inFlight = new Set<InFlight>();
  #channel: Promise<ConfirmChannel> | undefined;

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

  async #publishOn(channel: ConfirmChannel, message: Outgoing): Promise<PublishResult> {
    const inFlight = { target: message.mandatory ? targetOf(message) : '', unroutable: false };
    if (message.mandatory) this.#inFlight.add(inFlight);
    const failuresBefore = this.#connection.brokerFailures;
    try {
      await within(CONFIRM_DEADLINE, 'confirm', send(channel, message));
      return inFlight.unroutable ? refused('Unroutable') : { kind: 'Confirmed' };
    } catch (error) {
      return refused(this.#refusal(error, channel, failuresBefore));
    } finally {
      this.#inFlight.delete(inFlight);
    }
  }

  #refusal(error: unknown, channel: ConfirmChannel, failuresBefore: number): Refusal {
    if (error instanceof DeadlineExceeded) {
      void closeQuietly(channel);
      return 'NoConfirm';
    }
    if (error instanceof Error && error.message === 'message nacked') return 'Rejected';
    return this.#connection.brokerFailures > failuresBefore ? 'BrokerFailed' : 'ChannelClosed';
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

/** Resolves when the broker has confirmed. Rejects when it refuses, or the channel is closed or closes. */
function send(channel: ConfirmChannel, message: Outgoing): Promise<void> {
  return new Promise((resolve, reject) => {
    const confirm = (error: unknown) => (error === null ? resolve() : reject(error));
    const publish = (options: Options.Publish) => {
      const properties = { ...options, persistent: true, mandatory: message.mandatory };
      channel.publish(message.exchange, message.routingKey, message.body, properties, confirm);
    };
    firstEncodable(publish, [
      { ...message.properties, headers: { ...message.headers } },
      { ...message.properties, headers: { ...message.ownHeaders } },
      { headers: { ...message.ownHeaders } },
    ]);
  });
}

/**
 * What an initiator sent can be read and yet not be written again: bytes that are no UTF-8, a timestamp of 2^64 - 1.
 * Its message must not stand in the way of all others for that. Nothing was sent by a try that throws; on a closed
 * channel each does.
 */
function firstEncodable(
  publish: (options: Options.Publish) => void,
  tries: readonly Options.Publish[],
): void {
  const [first, ...others] = tries;
  if (first === undefined) return;
  try {
    publish(first);
  } catch (error) {
    if (others.length === 0) throw error;
    firstEncodable(publish, others);
  }
}

function targetOf({ exchange, routingKey }: Pick<Outgoing, 'exchange' | 'routingKey'>): string {
  return JSON.stringify([exchange, routingKey]);
}

function refused(reason: Refusal): PublishResult {
  return { kind: 'Refused', reason };
}
