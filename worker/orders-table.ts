import type pg from 'pg';
import type { Logger } from 'pino';
import type { DatabaseSettings } from '../api/worker-config.ts';
import { normalizeVersion, type Row } from '../cache/record.ts';
import type { DatabaseCredentials } from './credentials.ts';
import { DatabaseUnavailable, RowsLocked, readFailure, writeFailure } from './database-failure.ts';
import { ordersPool } from './orders-pool.ts';
import { describeOrders } from './orders-query.ts';
import {
  type OrdersColumns,
  type OrdersStatements,
  ordersStatements,
  type PreparedStatement,
} from './orders-statements.ts';
import type { ColumnType } from './version-column.ts';
import type { Change, WriteOrder } from './write-order.ts';

type Failure = (error: unknown) => Error;

/** Id, status and version. */
type RowAsText = [string, string | null, string | null];

/** Orders on the primary, as they are committed. Whatever the database does not do is DatabaseUnavailable. */
export class OrdersTable {
  readonly #settings: DatabaseSettings;
  readonly #order: WriteOrder | undefined;
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  #statements: OrdersStatements | undefined;

  /** @param order undefined: initiators write the rows */
  constructor(credentials: DatabaseCredentials, settings: DatabaseSettings, log: Logger, order?: WriteOrder) {
    this.#settings = settings;
    this.#order = order;
    this.#log = log;
    this.#pool = ordersPool(credentials, order !== undefined);
  }

  /**
   * The rows of these orders, as they are committed now; an order without a row is not in the map.
   * @throws DatabaseUnavailable
   */
  async read(orderIds: readonly string[]): Promise<Map<string, Row>> {
    const { read, holds } = await this.#prepared();
    const ids = orderIds.filter(holds);
    return ids.length === 0 ? new Map() : rowsOf(await this.#run(read, [ids]));
  }

  /**
   * Writes each change into the row of its order, each order once, where the row is older. Gives the rows as they are
   * after that, without those that do not exist or that somebody else keeps locked.
   * @throws DatabaseUnavailable, or RowRefused when the database does not take one of the rows; nothing is written then
   */
  async write(changes: readonly Change[]): Promise<Map<string, Row>> {
    const { write, holds } = await this.#prepared();
    const held = changes.filter(({ orderId }) => holds(orderId));
    if (write === undefined || held.length === 0) return new Map();
    const columns = [
      held.map(({ orderId }) => orderId),
      held.map(({ status }) => status),
      held.map(({ version }) => version),
    ];
    try {
      return rowsOf(await this.#run(write.wait, columns, writeFailure));
    } catch (error) {
      if (!(error instanceof RowsLocked)) throw error;
      return rowsOf(await this.#run(write.skip, columns, writeFailure));
    }
  }

  /** Whether a read would work now, and a write. @throws DatabaseUnavailable */
  async probe(): Promise<void> {
    await this.#prepared();
    await this.#attempt(() => this.#pool.query('SELECT 1'));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #run({ name, text }: PreparedStatement, values: unknown[], failure?: Failure): Promise<RowAsText[]> {
    const statement = { name, text, values, rowMode: 'array' as const };
    return (await this.#attempt(() => this.#pool.query<RowAsText>(statement), failure)).rows;
  }

  async #prepared(): Promise<OrdersStatements> {
    this.#statements ??= await this.#describe();
    return this.#statements;
  }

  async #describe(): Promise<OrdersStatements> {
    const statements = ordersStatements(this.#settings, await this.#columns(), this.#order);
    if (statements.kind === 'Refused') throw new DatabaseUnavailable(statements.reason);
    // Planning proves the right to write; nothing is executed, no trigger fires.
    const { write } = statements;
    if (write) await this.#attempt(() => this.#pool.query(`EXPLAIN ${write.wait.text}`, [[], [], []]));
    if (!statements.indexed) {
      const column = this.#settings.columns.orderId;
      this.#log.warn({ column }, 'the type of the order id column is unusual: lookups may not use its index');
    }
    return statements;
  }

  async #columns(): Promise<OrdersColumns> {
    const { fields } = await this.#attempt(() => this.#pool.query(describeOrders(this.#settings)));
    const types = fields.map(({ dataTypeID, dataTypeModifier }) => [dataTypeID, dataTypeModifier]);
    const names = await this.#attempt(() =>
      this.#pool.query<{ name: string }>(
        'SELECT format_type(oid, modifier) AS name FROM unnest($1::oid[], $2::int[]) AS type(oid, modifier)',
        [types.map(([oid]) => oid), types.map(([, modifier]) => modifier)],
      ),
    );
    const [orderId, status, version] = types.map(
      ([oid = 0, modifier = -1], index): ColumnType => ({
        oid,
        modifier,
        name: names.rows[index]?.name ?? '',
      }),
    );
    if (!orderId || !status || !version) throw new DatabaseUnavailable('the columns cannot be described');
    return { orderId, status, version };
  }

  async #attempt<T>(statement: () => Promise<T>, failure: Failure = readFailure): Promise<T> {
    try {
      return await statement();
    } catch (error) {
      const thrown = failure(error);
      // The table may be another one when the database is back.
      if (thrown instanceof DatabaseUnavailable) this.#statements = undefined;
      throw thrown;
    }
  }
}

function rowsOf(texts: readonly RowAsText[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const [orderId, status, version] of texts) {
    if (status === null) continue;
    rows.set(orderId, { status, version: version === null ? null : normalizeVersion(version) });
  }
  return rows;
}
