import { type ChannelModel, type ConfirmChannel, connect, credentials } from 'amqplib';
import { within } from './deadline.ts';
import type { BrokerAddress } from './options.ts';
import { reconnecting } from './reconnecting.ts';

/** A channel in confirm mode, for as long as it lives. */
export interface Link {
  readonly channel: ConfirmChannel;
  /** Set before the unconfirmed messages of the channel are told: what fails after that was lost, not refused. */
  lost: boolean;
}

export interface LinkEvents {
  up(link: Link): void;
  /** `refusal` is why the broker closed the channel; undefined when the connection went. */
  down(link: Link, refusal: Error | undefined): void;
  /** A connection failed or broke, or the broker holds publishers back. Another attempt follows. */
  trouble(error: Error): void;
  /** The broker holds publishers back, or no longer does. Both end with the connection, too. */
  blocked?(isBlocked: boolean): void;
}

const CONNECT_TIMEOUT = 5_000;

/** Keeps one connection with one confirm channel up until it is closed; waits longer after each failed attempt. */
export class BrokerLink {
  readonly #address: BrokerAddress;
  readonly #events: LinkEvents;
  readonly #closing = new AbortController();
  /** Ends the session, whatever the broker says. */
  #giveUp: () => void = () => {};
  #connection: ChannelModel | undefined;
  readonly #ended: Promise<void>;

  constructor(address: BrokerAddress, events: LinkEvents) {
    this.#address = address;
    this.#events = events;
    this.#ended = reconnecting(
      (isUp) => this.#session(isUp),
      (error) => events.trouble(asError(error)),
      this.#closing.signal,
    );
  }

  /** From connecting to the loss of the channel. @throws when it does not come up */
  async #session(isUp: () => void): Promise<void> {
    const connection = await connect(connectOptions(this.#address), socketOptions(this.#address));
    this.#connection = connection;
    connection.on('error', (error) => this.#events.trouble(error));
    connection.on('blocked', () => {
      this.#events.blocked?.(true);
      this.#events.trouble(new Error('the broker holds publishers back: it is short of memory or disk'));
    });
    connection.on('unblocked', () => this.#events.blocked?.(false));
    try {
      const channel = await within(CONNECT_TIMEOUT, 'the broker', connection.createConfirmChannel());
      if (this.#closing.signal.aborted) return;
      const closed = this.#serve(channel);
      isUp();
      const givenUp = new Promise<void>((resolve) => {
        this.#giveUp = resolve;
      });
      await Promise.race([closed, givenUp]);
    } finally {
      this.#connection = undefined;
      await closeQuietly(connection);
    }
  }

  #serve(channel: ConfirmChannel): Promise<void> {
    const link: Link = { channel, lost: false };
    let refusal: Error | undefined;
    channel.on('error', (error) => {
      refusal = error;
    });
    channel.prependListener('close', () => {
      link.lost = true;
    });
    const closed = new Promise<void>((resolve) => {
      channel.on('close', () => {
        this.#events.down(link, refusal);
        resolve();
      });
    });
    this.#events.up(link);
    return closed;
  }

  /** Takes twice the connect timeout at most, also when the broker is silent. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#connection) await closeQuietly(this.#connection);
    this.#giveUp();
    await this.#ended;
  }
}

function connectOptions(address: BrokerAddress) {
  const { protocol, hostname, port, vhost, heartbeatSeconds } = address;
  return { protocol, hostname, port, vhost: encodeURIComponent(vhost), heartbeat: heartbeatSeconds };
}

function socketOptions({ username, password, tls }: BrokerAddress) {
  return {
    ...tls,
    credentials: credentials.plain(username, password),
    timeout: CONNECT_TIMEOUT,
    noDelay: true,
    keepAlive: true,
  };
}

async function closeQuietly(connection: ChannelModel): Promise<void> {
  try {
    await within(CONNECT_TIMEOUT, 'the broker', connection.close());
  } catch {
    // It was closed already, or the broker does not answer: its heartbeat ends the socket.
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
