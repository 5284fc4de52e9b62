import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import type { Logger } from 'pino';
import { backoffDelay, PROBE } from './backoff.ts';
import { ANSWER_DEADLINE, ConsumingChannel } from './consuming-channel.ts';
import { within } from './deadline.ts';
import type { Delivery } from './delivery.ts';
import { LogLimit } from './log-limit.ts';
import { closeQuietly, type RabbitMQConnection } from './rabbitmq-connection.ts';

const CONNECTION_DEADLINE = 60_000;

/**
 * Consumes one queue on a channel of its own. A channel that is closed, or whose consumer the broker cancels because
 * the queue was deleted or moved, is replaced by a new one; its deliveries are forgotten and come again.
 */
export class Subscription {
  readonly queue: string;
  readonly #connection: RabbitMQConnection;
  readonly #prefetch: number;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #log: Logger;
  readonly #limit = new LogLimit(3);
  readonly #stop = new AbortController();
  #current: ConsumingChannel | undefined;
  #wanted = true;
  #established = false;

  constructor(
    queue: string,
    prefetch: number,
    connection: RabbitMQConnection,
    deliver: (delivery: Delivery) => void,
    log: Logger,
  ) {
    this.queue = queue;
    this.#prefetch = prefetch;
    this.#connection = connection;
    this.#deliver = deliver;
    this.#log = log.child({ queue });
  }

  /** Messages delivered and not yet acknowledged. */
  get inFlight(): number {
    return this.#current?.open ? this.#current.acknowledgements.outstanding : 0;
  }

  /** Whether messages can come: false while the connection or the queue is away. A paused one is attached too. */
  get attached(): boolean {
    return this.#current?.open === true;
  }

  /** Whether it has ever consumed. */
  get established(): boolean {
    return this.#established;
  }

  start(): void {
    void this.#run();
  }

  /** Takes no further messages and keeps what it has. It holds also for channels that are opened meanwhile. */
  pause(): void {
    this.#wanted = false;
    this.#current?.wake();
  }

  resume(): void {
    this.#wanted = true;
    this.#current?.wake();
  }

  /** Resolves when the broker has confirmed that no further message comes. */
  async cancel(): Promise<void> {
    this.pause();
    this.#stop.abort();
    await this.#current?.cancelled();
  }

  /** What is not acknowledged comes again, to another worker. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#current?.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#consume(await this.#connection.model(CONNECTION_DEADLINE));
        attempt = 0;
      } catch (error) {
        this.#logFailure(error);
      }
      const delay = backoffDelay(PROBE, Math.max(attempt, 1), Math.random());
      await sleep(delay, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Until the channel is closed. */
  async #consume(model: ChannelModel): Promise<void> {
    const channel = await openChannel(model);
    if (this.#stop.signal.aborted) return closeQuietly(channel);
    const open = new ConsumingChannel(this.queue, channel, this.#deliver, (error) => this.#logFailure(error));
    this.#current = open;
    try {
      await within(ANSWER_DEADLINE, 'basic.qos', channel.prefetch(this.#prefetch));
      const wanted = () => this.#wanted && (open.consuming || this.#hasRoom(open));
      while (open.open) {
        await open.setConsuming(wanted());
        if (open.consuming && open.open) this.#establish();
        await open.changed(wanted);
      }
    } finally {
      await open.close();
    }
  }

  /** Each new consumer may have as many messages as the prefetch count, whatever the one before it still holds. */
  #hasRoom({ acknowledgements }: ConsumingChannel): boolean {
    return acknowledgements.outstanding < this.#prefetch;
  }

  #establish(): void {
    if (!this.#established) this.#log.info({ prefetch: this.#prefetch }, 'consuming');
    this.#established = true;
  }

  #logFailure(error: unknown): void {
    const reason = error instanceof Error ? error.message : 'unknown error';
    const suppressed = this.#limit.admit(reason, Date.now());
    if (suppressed !== undefined) this.#log.warn({ reason, suppressed }, 'not consuming');
  }
}

/** A channel whose opening was given up must not stay open unused. */
async function openChannel(model: ChannelModel): Promise<Channel> {
  const opening = model.createChannel();
  try {
    return await within(ANSWER_DEADLINE, 'channel.open', opening);
  } catch (error) {
    opening.then(closeQuietly, () => undefined);
    throw error;
  }
}
