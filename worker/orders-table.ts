import pg from 'pg';
import type { Logger } from 'pino';
import type { DatabaseSettings } from '../api/worker-config.ts';
import { normalizeVersion, type Row } from '../cache/record.ts';
import type { DatabaseCredentials } from './credentials.ts';
import { describeOrders, type OrdersQuery, ordersQuery } from './orders-query.ts';

const CONNECT_TIMEOUT = 3_000;
const STATEMENT_TIMEOUT = 5_000;
/** Longer than the server's own, so that the server's answer is seen when there is one. */
const ANSWER_TIMEOUT = 6_000;

/** The database cannot say what the row is, whatever the cause: the worker pauses. Holds no secret. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/** Reads orders from the primary. A replica answers with the past, so a connection to one is refused. */
export class OrdersTable {
  readonly #settings: DatabaseSettings;
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  #query: OrdersQuery | undefined;

  constructor(credentials: DatabaseCredentials, settings: DatabaseSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    const { tls, ...login } = credentials;
    this.#pool = new pg.Pool({
      ...login,
      ssl: tls === undefined ? false : { ...tls, rejectUnauthorized: true },
      application_name: 'order-cache-worker',
      max: 2,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      statement_timeout: STATEMENT_TIMEOUT,
      query_timeout: ANSWER_TIMEOUT,
      idleTimeoutMillis: 60_000,
      maxLifetimeSeconds: 600,
      keepAlive: true,
      verify: (client, done) => void verifyPrimary(client).then(() => done(), done),
    });
    // An idle connection that breaks is no event's concern: the next statement opens another.
    this.#pool.on('error', () => undefined);
  }

  /**
   * The rows of these orders, as they are committed now; an order without a row is not in the map.
   * @throws DatabaseUnavailable
   */
  async read(orderIds: readonly string[]): Promise<Map<string, Row>> {
    const query = await this.#prepared();
    const ids = orderIds.filter(query.holds);
    const rows = new Map<string, Row>();
    if (ids.length === 0) return rows;
    const statement = { name: query.name, text: query.text, values: [ids], rowMode: 'array' as const };
    const result = await this.#attempt(() =>
      this.#pool.query<[string, string | null, string | null]>(statement),
    );
    for (const [orderId, status, version] of result.rows) {
      if (status === null) continue;
      rows.set(orderId, { status, version: version === null ? null : normalizeVersion(version) });
    }
    return rows;
  }

  /** Whether a read would work now. @throws DatabaseUnavailable */
  async probe(): Promise<void> {
    await this.#prepared();
    await this.#attempt(() => this.#pool.query('SELECT 1'));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #prepared(): Promise<OrdersQuery> {
    this.#query ??= await this.#describe();
    return this.#query;
  }

  async #describe(): Promise<OrdersQuery> {
    const { fields } = await this.#attempt(() => this.#pool.query(describeOrders(this.#settings)));
    const query = ordersQuery(this.#settings, fields[0]?.dataTypeID ?? 0);
    if (!query.indexed) {
      const column = this.#settings.columns.orderId;
      this.#log.warn({ column }, 'the type of the order id column is unusual: lookups may not use its index');
    }
    return query;
  }

  async #attempt<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await statement();
    } catch (error) {
      // The table may be another one when the database is back.
      this.#query = undefined;
      throw new DatabaseUnavailable(reasonOf(error));
    }
  }
}

async function verifyPrimary(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica');
  if (rows[0]?.replica !== false) {
    throw new DatabaseUnavailable(
      'database/uri: expected the primary, got a replica, which answers with the past',
    );
  }
}

/** PostgreSQL's messages name hosts, users and tables, and no password. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error instanceof DatabaseUnavailable) return error.message;
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  const text = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : error.message;
  return `${code}${text.slice(0, 300)}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
