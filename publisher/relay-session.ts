import { within } from './deadline.ts';
import type { OutboxClient, OutboxDatabase } from './relay-options.ts';
import { type OutboxRow, type RelayStatements, relayStatements } from './relay-rows.ts';
import { quotedName, type TableName } from './sql-names.ts';

export interface Postponed {
  readonly id: string;
  readonly error: string;
  readonly delayMilliseconds: number;
}

export interface Measure {
  readonly pending: number;
  readonly failing: number;
  readonly oldestAgeSeconds: number | null;
}

/** What was left undone by a transaction that was cut off ends on the server after so many timeouts. */
const PATIENCE = 4;

/** Of a bigint. */
const FIRST_ID = String(-(2n ** 63n));
const LAST_ID = String(2n ** 63n - 1n);

/** One connection to the database: it listens, and claims in transactions. Every method throws when it is lost. */
export class RelaySession {
  readonly #client: OutboxClient;
  readonly #statements: RelayStatements;
  readonly #timeout: number;
  #lost: Error | undefined;

  private constructor(client: OutboxClient, table: TableName, timeout: number, wake: () => void) {
    this.#client = client;
    this.#statements = relayStatements(table);
    this.#timeout = timeout;
    const lose = (error: Error) => {
      this.#lost ??= error;
      wake();
    };
    client.on('error', lose);
    client.on('end', () => lose(new Error('the database has closed the connection')));
    client.on('notification', wake);
  }

  /**
   * The server ends a statement that takes too long, as we do: it does not notice that nobody waits any more, and a
   * table that is locked for an hour would use up all connections.
   *
   * @param wake called on a notification, and when the connection is lost
   */
  static async open(
    database: OutboxDatabase,
    table: TableName,
    timeout: number,
    wake: () => void,
  ): Promise<RelaySession> {
    const connecting = database.connect();
    const client = await within(timeout, 'the database', connecting).catch((error: unknown) => {
      connecting.then(
        (late) => late.release(true),
        () => undefined,
      );
      throw error;
    });
    const session = new RelaySession(client, table, timeout, wake);
    try {
      await session.#query(`SET statement_timeout = ${timeout}; LISTEN ${quotedName(table.table)}`);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  /** Begins a transaction that ends with `finish`. Empty: nothing is to be done, and no transaction is open. */
  async claim(orders: number, exceptExchanges: readonly string[]): Promise<OutboxRow[]> {
    const longest = this.#timeout * PATIENCE;
    await this.#query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${longest}`);
    for (let before = FIRST_ID; before !== LAST_ID; ) {
      const last = await this.#endOfWindow(before);
      const { rows } = await this.#query(this.#statements.claim, [orders, exceptExchanges, before, last]);
      if (rows.length > 0) return rows as OutboxRow[];
      before = last;
    }
    await this.#query('ROLLBACK');
    return [];
  }

  async #endOfWindow(before: string): Promise<string> {
    const { rows } = await this.#query(this.#statements.window, [before]);
    const [end] = rows as { readonly id: string }[];
    return end?.id ?? LAST_ID;
  }

  async finish(confirmed: readonly string[], postponed: readonly Postponed[]): Promise<void> {
    if (confirmed.length > 0) await this.#query(this.#statements.remove, [confirmed]);
    if (postponed.length > 0) await this.#query(this.#statements.postpone, valuesOf(postponed));
    await this.#query('COMMIT');
  }

  async measure(): Promise<Measure> {
    const { rows } = await this.#query(this.#statements.measure);
    return rows[0] as Measure;
  }

  close(): void {
    this.#client.release(true);
  }

  get lost(): Error | undefined {
    return this.#lost;
  }

  async #query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }> {
    if (this.#lost !== undefined) throw this.#lost;
    return within(this.#timeout, 'the database', this.#client.query(text, values));
  }
}

function valuesOf(postponed: readonly Postponed[]): unknown[] {
  return [
    postponed.map(({ id }) => id),
    postponed.map(({ error }) => error),
    postponed.map(({ delayMilliseconds }) => delayMilliseconds),
  ];
}
