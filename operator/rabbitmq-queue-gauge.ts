import { type Channel, type ChannelModel, connect } from 'amqplib';
import type { RabbitMqCredentials } from './connection-credentials.ts';
import { DeadlineExceeded, within } from './deadline.ts';
import { BrokerFailure, networkReason } from './rabbitmq-failure.ts';

const CONNECT_MS = 3_000;
const ANSWER_MS = 2_000;
const CLOSE_MS = 1_000;
/** A connection that answers nothing any more is given up by the client after two of these. */
const HEARTBEAT_SECONDS = 5;

export interface QueueDepth {
  /** Without those that are delivered and not acknowledged. */
  readonly ready: number;
  readonly consumers: number;
}

/**
 * Message counts by passive declare, which the broker answers within 0.1 s of a change (its management API's statistics
 * lag by seconds). One connection, made at the first question and again after it was lost; one channel for each queue,
 * because a missing queue closes the channel that asks.
 */
export class QueueGauge {
  readonly #credentials: RabbitMqCredentials;
  #connection: Promise<ChannelModel> | undefined;
  readonly #channels = new Map<string, Promise<Channel>>();
  #closed = false;

  constructor(credentials: RabbitMqCredentials) {
    this.#credentials = credentials;
  }

  /** Undefined: there is no such queue. Rejects with BrokerFailure, within 5 s. */
  async depthOf(queue: string): Promise<QueueDepth | undefined> {
    if (this.#closed) throw new BrokerFailure('Unavailable', 'RabbitMQ: closed');
    const connecting = this.#connected();
    try {
      return await this.#ask(queue, connecting);
    } catch (error) {
      if (amqpCode(error) === 404) return undefined;
      if (error instanceof DeadlineExceeded) this.#abandon(connecting);
      throw failureOf(error);
    }
  }

  /** A queue that nobody will ask about any more. */
  forget(queue: string): void {
    const channel = this.#channels.get(queue);
    this.#channels.delete(queue);
    channel?.then((open) => open.close()).catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#forgetConnection();
    if (connection === undefined) return;
    await within(
      CLOSE_MS,
      connection.then((open) => open.close()),
    ).catch(() => {});
  }

  async #ask(queue: string, connecting: Promise<ChannelModel>): Promise<QueueDepth> {
    const connection = await within(CONNECT_MS + 500, connecting);
    const channel = await within(ANSWER_MS, this.#channelFor(queue, connection)).catch((error: unknown) => {
      // It has ended, perhaps while it was opened: amqplib tells of that before anybody can listen.
      this.#abandon(connecting);
      throw error;
    });
    const { messageCount, consumerCount } = await within(ANSWER_MS, channel.checkQueue(queue));
    return { ready: messageCount, consumers: consumerCount };
  }

  /** One that was given up may end long after another has taken its place, which must not be forgotten with it. */
  #connected(): Promise<ChannelModel> {
    if (this.#connection !== undefined) return this.#connection;
    const connecting = this.#connect(() => {
      if (this.#connection === connecting) this.#forgetConnection();
    });
    this.#connection = connecting;
    return connecting;
  }

  async #connect(onGone: () => void): Promise<ChannelModel> {
    try {
      const connection = await connect(addressOf(this.#credentials), {
        ...this.#credentials.tls,
        timeout: CONNECT_MS,
        clientProperties: { connection_name: 'order-cache-operator' },
      });
      connection.on('error', () => {});
      connection.on('close', onGone);
      return connection;
    } catch (error) {
      onGone();
      throw error;
    }
  }

  #channelFor(queue: string, connection: ChannelModel): Promise<Channel> {
    const known = this.#channels.get(queue);
    if (known !== undefined) return known;
    const opening = openChannel(connection, () => {
      if (this.#channels.get(queue) === opening) this.#channels.delete(queue);
    });
    this.#channels.set(queue, opening);
    return opening;
  }

  /** It is of no use: the next question goes over a new connection, and this one closes when it can. */
  #abandon(connecting: Promise<ChannelModel>): void {
    if (this.#connection === connecting) this.#forgetConnection();
    connecting.then((open) => open.close()).catch(() => {});
  }

  #forgetConnection(): void {
    this.#connection = undefined;
    this.#channels.clear();
  }
}

async function openChannel(connection: ChannelModel, onGone: () => void): Promise<Channel> {
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    channel.on('close', onGone);
    return channel;
  } catch (error) {
    onGone();
    throw error;
  }
}

function addressOf(credentials: RabbitMqCredentials) {
  return {
    protocol: credentials.tlsEnabled ? 'amqps' : 'amqp',
    hostname: credentials.host,
    port: credentials.port,
    username: credentials.username,
    password: credentials.password,
    // amqplib decodes it once more.
    vhost: encodeURIComponent(credentials.vhost),
    heartbeat: HEARTBEAT_SECONDS,
  };
}

function amqpCode(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

function failureOf(error: unknown): BrokerFailure {
  if (error instanceof BrokerFailure) return error;
  const code = amqpCode(error);
  const text = error instanceof Error ? error.message : '';
  if (code === 403 || /ACCESS[_-]REFUSED/.test(text)) {
    return new BrokerFailure(
      'AccessRefused',
      'RabbitMQ refuses this user, or its access to the vhost or queue',
    );
  }
  const reason = error instanceof DeadlineExceeded ? text : (code ?? networkReason(error));
  return new BrokerFailure('Unavailable', `RabbitMQ: ${reason}`);
}
