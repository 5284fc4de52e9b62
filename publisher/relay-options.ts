import { type BrokerAddress, type BrokerOptions, brokerAddress, wholeNumber } from './options.ts';
import { type TableName, tableName } from './sql-names.ts';

/** A connection of the relay's own: a client of a pg.Pool fits. */
export interface OutboxClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
  on(event: 'notification', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  /** Destroys the connection. */
  release(destroy: true): void;
}

/** Where the outbox is: a pg.Pool fits. The relay takes one connection to the primary and keeps it. */
export interface OutboxDatabase {
  connect(): Promise<OutboxClient>;
}

/** Why an event is still in the outbox although a broker was there. */
export interface RelayFailure {
  readonly orderId: string;
  readonly messageId: string;
  readonly reason: 'Unroutable' | 'Refused' | 'TimedOut';
  readonly detail: string;
  /** Tried so many times. */
  readonly attempts: number;
}

export interface OutboxRelayOptions {
  readonly database: OutboxDatabase;
  readonly rabbitmq: BrokerOptions;
  /** `table` or `schema.table`. Default: order_outbox. */
  readonly table?: string;
  /** How often to look when nobody wakes the relay, in milliseconds. Default: 5000. */
  readonly pollMilliseconds?: number;
  /** How long an answer of the broker or the database may take, in milliseconds. Default: 5000. */
  readonly timeoutMilliseconds?: number;
  /** How many orders are published at the same time. Default: 200. */
  readonly batchOrders?: number;
  /** Between attempts at an event that was not taken, in milliseconds, doubling. Default: 1000 to 60000. */
  readonly retry?: { readonly initialMilliseconds?: number; readonly maximumMilliseconds?: number };
  /** Told about each lost or failed connection. What it throws is ignored. Default: nobody is told. */
  readonly onTrouble?: (error: Error) => void;
  /** Told about each event that was not taken; it is tried again. What it throws is ignored. Default: nobody is told. */
  readonly onFailure?: (failure: RelayFailure) => void;
}

export interface RelaySettings {
  readonly database: OutboxDatabase;
  readonly server: BrokerAddress;
  readonly table: TableName;
  readonly pollMilliseconds: number;
  readonly timeoutMilliseconds: number;
  readonly batchOrders: number;
  readonly retry: { readonly initialMilliseconds: number; readonly maximumMilliseconds: number };
  readonly onTrouble: (error: Error) => void;
  readonly onFailure: (failure: RelayFailure) => void;
}

/** Checks the options once. @throws TypeError that names the option, what was expected and what came */
export function relaySettings(options: OutboxRelayOptions): RelaySettings {
  const { database, retry = {} } = options;
  if (typeof database?.connect !== 'function')
    throw new TypeError('database: expected a pool with connect(), such as a pg.Pool');
  return {
    database,
    server: brokerAddress(options.rabbitmq),
    table: tableName('table', options.table ?? 'order_outbox'),
    pollMilliseconds: wholeNumber('pollMilliseconds', options.pollMilliseconds ?? 5_000, 3_600_000),
    timeoutMilliseconds: wholeNumber('timeoutMilliseconds', options.timeoutMilliseconds ?? 5_000, 600_000),
    batchOrders: wholeNumber('batchOrders', options.batchOrders ?? 200, 10_000),
    retry: {
      initialMilliseconds: wholeNumber(
        'retry.initialMilliseconds',
        retry.initialMilliseconds ?? 1_000,
        3_600_000,
      ),
      maximumMilliseconds: wholeNumber(
        'retry.maximumMilliseconds',
        retry.maximumMilliseconds ?? 60_000,
        86_400_000,
      ),
    },
    onTrouble: quietly(options.onTrouble),
    onFailure: quietly(options.onFailure),
  };
}

/** What the application does with what it is told must not decide whether the relay goes on. */
function quietly<T>(tell: ((what: T) => void) | undefined): (what: T) => void {
  return (what) => {
    try {
      tell?.(what);
    } catch {
      // Its own affair.
    }
  };
}
