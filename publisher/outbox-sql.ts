import { type OrdersTriggerOptions, ordersTrigger } from './outbox-trigger-sql.ts';
import { dollarQuoted, quotedName, quotedTable, quotedText, type TableName, tableName } from './sql-names.ts';

export interface OutboxSqlOptions {
  /** The outbox table, perhaps with its schema; the name without it has at most 40 bytes. Default: public.order_outbox. */
  readonly table?: string;
  /**
   * Whether a commit wakes the relays. PostgreSQL lets only one notifying transaction commit at a time: without it,
   * a database with thousands of commits per second is spared that, and the relays find events at their next poll.
   * Default: true.
   */
  readonly notify?: boolean;
  /** Covers what changes the orders table, whoever does it. Default: events come from `enqueue` only. */
  readonly orders?: OrdersTriggerOptions;
}

/** Room for what is appended to it in the names of functions and indexes. */
const LONGEST_TABLE = 40;

/**
 * The SQL that makes the outbox, for PostgreSQL 14 and newer; run it as the owner of the schema and of the orders
 * table. Running it again, also with other options, changes what it made before.
 * @throws TypeError that names an option and what was expected
 */
export function outboxSql(options: OutboxSqlOptions = {}): string {
  const name = inSchema('table', options.table ?? 'order_outbox');
  if (Buffer.byteLength(name.table) > LONGEST_TABLE)
    throw new TypeError(`table: expected a name of at most ${LONGEST_TABLE} bytes without the schema`);
  const parts = [table(name), options.notify === false ? withoutNotify(name) : notify(name)];
  if (options.orders !== undefined) parts.push(ordersTrigger(name, options.orders));
  return parts.join('\n');
}

/** The trigger's function runs with a search path that nobody can change: every table is named with its schema. */
function inSchema(option: string, text: unknown): Required<TableName> {
  const { schema = 'public', table } = tableName(option, text);
  return { schema, table };
}

function table(name: TableName): string {
  return `-- Events of committed changes that are not published yet. A relay deletes what the broker has confirmed.
CREATE TABLE IF NOT EXISTS ${quotedTable(name)} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id text NOT NULL,
  exchange text NOT NULL,
  routing_key text NOT NULL,
  message_id text NOT NULL DEFAULT gen_random_uuid(),
  content_type text NOT NULL DEFAULT 'application/json',
  headers jsonb NOT NULL DEFAULT '{}',
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT '-infinity',
  last_error text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
-- The first event of each order, and what follows it.
CREATE INDEX IF NOT EXISTS ${quotedName(`${name.table}_order`)} ON ${quotedTable(name)} (order_id, id);
`;
}

function notify(name: TableName): string {
  const wake = wakeFunction(name);
  const body = `
BEGIN
  PERFORM pg_catalog.pg_notify(${quotedText(name.table)}, '');
  RETURN NULL;
END `;
  return `-- A commit wakes the relays.
CREATE OR REPLACE FUNCTION ${wake}() RETURNS trigger LANGUAGE plpgsql AS ${dollarQuoted(body)};
CREATE OR REPLACE TRIGGER ${quotedName(`${name.table}_wake`)} AFTER INSERT ON ${quotedTable(name)}
  FOR EACH STATEMENT EXECUTE FUNCTION ${wake}();
`;
}

function withoutNotify(name: TableName): string {
  return `DROP TRIGGER IF EXISTS ${quotedName(`${name.table}_wake`)} ON ${quotedTable(name)};\n`;
}

function wakeFunction({ schema, table }: TableName): string {
  return quotedTable({ schema, table: `${table}_wake` });
}
