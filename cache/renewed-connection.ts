import {
  type ConnectOptions,
  connectRedis,
  type MasterConnection,
  type RedisConnection,
  type RedisCredentials,
} from './connect.ts';
import { reconnectDelay } from './connection-options.ts';
import { bounded } from './deadline.ts';
import { RedisFailure, RedisRefused, RedisUnavailable, RedisUriInvalid } from './failure.ts';

export type { RedisCredentials } from './connect.ts';

/** Gives the credentials as they are now. It has 10 seconds. */
export type CredentialsCallback = () => RedisCredentials | Promise<RedisCredentials>;

type Client = Parameters<Parameters<RedisConnection['run']>[0]>[0];

const CALLBACK_TIMEOUT_MS = 10_000;
/** What Redis says to a connection whose credentials do not hold, or not any more. */
const CREDENTIALS_REFUSED: ReadonlySet<string> = new Set(['NOAUTH', 'WRONGPASS']);

/** As `connectRedis`; with a callback, each new connection is made with what it gives then. */
export function connectAs(
  credentials: RedisCredentials | CredentialsCallback,
  options: ConnectOptions = {},
): RedisConnection {
  return typeof credentials === 'function'
    ? new RenewedConnection(credentials, options)
    : connectRedis(credentials, options);
}

/** A connection that is replaced instead of mended: when it ends, and when its credentials are refused. */
class RenewedConnection implements RedisConnection {
  readonly #credentials: CredentialsCallback;
  readonly #options: ConnectOptions;
  /** Ends when the callback has answered for the first time, whatever came of it. */
  readonly #begun: Promise<void>;
  #current: RedisConnection | undefined;
  #failure: RedisFailure = new RedisUnavailable('NotConnected', 'Redis is unavailable: not connected yet');
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(credentials: CredentialsCallback, options: ConnectOptions) {
    this.#credentials = credentials;
    this.#options = options;
    this.#begun = this.#connect();
  }

  get kind(): RedisConnection['kind'] {
    return this.#current?.kind ?? 'Server';
  }

  async ready(): Promise<void> {
    await bounded(this.#begun, this.#options.connectTimeoutMs ?? 2000);
    await this.#use((connection) => connection.ready());
  }

  ping(): Promise<void> {
    return this.#use((connection) => connection.ping());
  }

  run<T>(command: (client: Client) => Promise<T>): Promise<T> {
    return this.#use((connection) => connection.run(command));
  }

  onEachMaster(visit: (master: MasterConnection) => Promise<void>): Promise<void> {
    return this.#use((connection) => connection.onEachMaster(visit));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#current?.close();
  }

  async #use<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T> {
    const connection = this.#current;
    if (connection === undefined) throw this.#failure;
    try {
      const result = await work(connection);
      this.#attempts = 0;
      return result;
    } catch (error) {
      if (error instanceof RedisFailure) this.#replaceIfRefused(connection, error);
      throw error;
    }
  }

  async #connect(): Promise<void> {
    try {
      const answer = Promise.resolve().then(() => this.#credentials());
      const credentials = await bounded(answer, CALLBACK_TIMEOUT_MS);
      if (this.#closed) return;
      const connection: RedisConnection = connectRedis(credentials, {
        ...this.#options,
        reconnect: false,
        onError: (failure) => this.#failed(connection, failure),
        onEnd: () => this.#replace(connection),
      });
      this.#current = connection;
    } catch (error) {
      this.#tell(callbackFailure(error));
      this.#connectLater();
    }
  }

  #failed(connection: RedisConnection, failure: RedisFailure): void {
    this.#tell(failure);
    this.#replaceIfRefused(connection, failure);
  }

  #tell(failure: RedisFailure): void {
    this.#failure = failure;
    this.#options.onError?.(failure);
  }

  #replaceIfRefused(connection: RedisConnection, failure: RedisFailure): void {
    if (CREDENTIALS_REFUSED.has(failure.reason)) this.#replace(connection);
  }

  #replace(connection: RedisConnection): void {
    if (this.#current !== connection || this.#closed) return;
    this.#current = undefined;
    connection.close();
    this.#connectLater();
  }

  #connectLater(): void {
    if (this.#closed) return;
    this.#attempts += 1;
    this.#timer = setTimeout(() => void this.#connect(), reconnectDelay(this.#attempts));
  }
}

/** What the callback throws may hold a secret. */
function callbackFailure(error: unknown): RedisFailure {
  if (error instanceof RedisUnavailable)
    return new RedisUnavailable(
      'CredentialsTimeout',
      'Redis is unavailable: no credentials from the callback',
    );
  if (error instanceof RedisUriInvalid) return new RedisRefused('RedisUriInvalid', error.message);
  return new RedisRefused('CredentialsFailed', 'Redis is not asked: the callback for its credentials failed');
}
