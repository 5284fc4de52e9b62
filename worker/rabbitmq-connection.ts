import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';
import type { Logger } from 'pino';
import { type Backoff, backoffDelay } from './backoff.ts';
import type { RabbitMQCredentials } from './credentials.ts';
import { within } from './deadline.ts';
import { LogLimit } from './log-limit.ts';
import { Signal } from './signal.ts';

/** Together below 5 s: connected again within that of the port opening, even if an attempt hangs before. */
const RECONNECT: Backoff = { initial: 100, maximum: 1_500 };
const CONNECT_TIMEOUT = 3_000;
const CLOSE_TIMEOUT = 2_000;
/** AMQP's INTERNAL_ERROR. */
const INTERNAL_ERROR = 541;

/**
 * A connection to RabbitMQ that is made again whenever it is lost. amqplib's own recovery keeps the credentials it
 * began with; here each attempt takes the present ones, and after `renew` the old connection works until a new one
 * stands.
 */
export class RabbitMQConnection {
  readonly #name: string;
  readonly #credentials: () => RabbitMQCredentials;
  readonly #log: Logger;
  readonly #limit = new LogLimit(3);
  readonly #stop = new AbortController();
  #model: ChannelModel | undefined;
  /** Those that ended, perhaps before they were in use. */
  readonly #closed = new WeakSet<ChannelModel>();
  #blocked = false;
  #brokerFailures = 0;
  #renewal = false;
  readonly #change = new Signal();

  /** @param name shown by RabbitMQ beside the connection */
  constructor(name: string, credentials: () => RabbitMQCredentials, log: Logger) {
    this.#name = name;
    this.#credentials = credentials;
    this.#log = log;
  }

  get connected(): boolean {
    return this.#model !== undefined;
  }

  /** A memory or disk alarm: the broker reads nothing from connections that publish. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** How often the broker closed the connection because it failed itself: at something that was sent. */
  get brokerFailures(): number {
    return this.#brokerFailures;
  }

  /** Connects in the background, until `close`. */
  start(): void {
    void this.#run();
  }

  /** The connection of now, or the next one. @throws DeadlineExceeded after so many milliseconds */
  model(deadline: number): Promise<ChannelModel> {
    return within(deadline, 'RabbitMQ connection', this.#connectedModel());
  }

  /** The credentials have changed. What the old connection delivered and is not acknowledged comes again. */
  renew(): void {
    this.#renewal = true;
    this.#change.notify();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#change.notify();
    if (this.#model !== undefined) await closeQuietly(this.#model);
  }

  async #connectedModel(): Promise<ChannelModel> {
    while (this.#model === undefined) {
      this.#stop.signal.throwIfAborted();
      await this.#change.next();
    }
    return this.#model;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const model = await this.#connect();
      if (model === undefined) return;
      if (this.#closed.has(model)) continue;
      const old = this.#model;
      this.#use(model);
      if (old !== undefined) void closeQuietly(old);
      await this.#untilLostOrRenewed(model);
    }
  }

  /** Undefined when the worker stops meanwhile. */
  async #connect(): Promise<ChannelModel | undefined> {
    for (let attempt = 1; !this.#stop.signal.aborted; attempt++) {
      try {
        const model = await this.#open();
        if (!this.#stop.signal.aborted) return model;
        await closeQuietly(model);
      } catch (error) {
        this.#logFailure(error);
        const delay = backoffDelay(RECONNECT, attempt, Math.random());
        await sleep(delay, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #open(): Promise<ChannelModel> {
    this.#renewal = false;
    const { tls, ...options } = this.#credentials();
    const model = await connect(options, {
      ...tls,
      timeout: CONNECT_TIMEOUT,
      noDelay: true,
      clientProperties: { connection_name: this.#name },
    });
    model.on('error', (error) => {
      if ('code' in error && error.code === INTERNAL_ERROR) this.#brokerFailures++;
      this.#logFailure(error);
    });
    model.on('blocked', () => this.#setBlocked(model, true));
    model.on('unblocked', () => this.#setBlocked(model, false));
    model.on('close', () => {
      this.#closed.add(model);
      this.#lost(model);
    });
    await prove(model);
    return model;
  }

  #use(model: ChannelModel): void {
    this.#model = model;
    this.#blocked = false;
    this.#change.notify();
    this.#log.info({ connection: this.#name }, 'connected to RabbitMQ');
  }

  #setBlocked(model: ChannelModel, blocked: boolean): void {
    if (this.#model !== model) return;
    this.#blocked = blocked;
    this.#log.warn({ connection: this.#name, blocked }, 'RabbitMQ blocks or unblocks publishing');
  }

  #lost(model: ChannelModel): void {
    if (this.#model !== model) return;
    this.#model = undefined;
    this.#blocked = false;
    if (!this.#stop.signal.aborted)
      this.#log.warn({ connection: this.#name }, 'lost the connection to RabbitMQ');
    this.#change.notify();
  }

  async #untilLostOrRenewed(model: ChannelModel): Promise<void> {
    while (this.#model === model && !this.#renewal && !this.#stop.signal.aborted) {
      await this.#change.next();
    }
  }

  #logFailure(error: unknown): void {
    const reason = error instanceof Error ? error.message : 'unknown error';
    const suppressed = this.#limit.admit(reason, Date.now());
    if (suppressed === undefined) return;
    this.#log.error({ connection: this.#name, reason, suppressed }, 'RabbitMQ connection failed');
  }
}

/**
 * A broker that shuts down may close a connection in the same breath in which it opens it; amqplib tells of it before
 * anybody can listen. @throws when it is closed already
 */
async function prove(model: ChannelModel): Promise<void> {
  try {
    await within(CONNECT_TIMEOUT, 'channel.open', model.createChannel().then(closeQuietly));
  } catch (error) {
    await closeQuietly(model);
    throw error;
  }
}

/** A channel or connection that may be closed already, or never answer. */
export async function closeQuietly(closable: { close(): Promise<void> }): Promise<void> {
  try {
    await within(CLOSE_TIMEOUT, 'close', closable.close());
  } catch {
    // It was closed before, or the broker does not answer: nothing is left to do.
  }
}
