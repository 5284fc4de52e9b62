import { quotedTable, type TableName } from './sql-names.ts';

/** An event in the outbox. */
export interface OutboxRow {
  /** A bigint, as text. */
  readonly id: string;
  readonly orderId: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly contentType: string;
  readonly headers: unknown;
  readonly body: string;
  /** Whole seconds since 1970. */
  readonly createdAtSeconds: number;
  /** Before this one. */
  readonly attempts: number;
}

/** How many events of one order are claimed at once. */
const FOLLOWERS = 20;

/** Counting stops there, so that looking at a huge outbox costs no more. */
export const MOST_COUNTED = 100_000;

const COLUMNS = `id::text AS id, order_id AS "orderId", exchange, routing_key AS "routingKey",
    message_id AS "messageId", content_type AS "contentType", headers, body,
    floor(extract(epoch FROM created_at))::int AS "createdAtSeconds", attempts`;

/**
 * How many events are looked at by one claim. So neither many that wait for another attempt, nor many that follow one
 * that waits, can make a claim slow: they are passed over, one window after the other.
 */
const WINDOW = 5_000;

export interface RelayStatements {
  /** $1 the id before the window. Gives the last id of the window; no row: it reaches to the end. */
  readonly window: string;
  /** $1 how many orders, $2 exchanges to leave alone, $3 and $4 the ids before and at the end of the window. */
  readonly claim: string;
  /** $1 ids. */
  readonly remove: string;
  /** $1 ids, $2 errors, $3 delays in milliseconds. */
  readonly postpone: string;
  /** Gives pending, failing and oldestAgeSeconds. */
  readonly measure: string;
}

/**
 * An order belongs to whoever has locked its first event: only a first event is claimed, and it stops being there,
 * and the next one being behind it, with the commit that deletes it. What follows it is read, not locked: nobody
 * else gets at it meanwhile. A relay that dies or is cut off loses its locks with its connection.
 */
export function relayStatements(name: TableName): RelayStatements {
  const table = quotedTable(name);
  return {
    window: `SELECT id::text AS id FROM ${table} WHERE id > $1::bigint ORDER BY id OFFSET ${WINDOW - 1} LIMIT 1`,
    claim: `WITH due AS MATERIALIZED (
  SELECT min(id) AS id FROM ${table}
  WHERE id > $3::bigint AND id <= $4::bigint AND next_attempt_at <= now() AND exchange <> ALL ($2::text[])
  GROUP BY order_id ORDER BY 1),
heads AS MATERIALIZED (
  SELECT head.id, head.order_id FROM due JOIN ${table} head ON head.id = due.id
  WHERE head.id > $3::bigint AND head.id <= $4::bigint AND head.next_attempt_at <= now()
    AND NOT EXISTS (SELECT FROM ${table} earlier WHERE earlier.order_id = head.order_id AND earlier.id < head.id)
  LIMIT $1 FOR UPDATE OF head SKIP LOCKED)
SELECT claimed.* FROM heads CROSS JOIN LATERAL (
  SELECT ${COLUMNS} FROM ${table} event WHERE event.order_id = heads.order_id AND event.id >= heads.id
  ORDER BY event.id LIMIT ${FOLLOWERS}) claimed`,
    remove: `DELETE FROM ${table} WHERE id = ANY ($1::bigint[])`,
    postpone: `UPDATE ${table} AS failed SET attempts = failed.attempts + 1, last_error = fault.error,
  next_attempt_at = clock_timestamp() + fault.delay * interval '1 millisecond'
FROM unnest($1::bigint[], $2::text[], $3::int[]) AS fault (id, error, delay) WHERE failed.id = fault.id`,
    measure: `SELECT count(*)::int AS pending, count(*) FILTER (WHERE attempts > 0)::int AS failing,
  (SELECT greatest(0, extract(epoch FROM clock_timestamp() - created_at))::float8 FROM ${table} ORDER BY id LIMIT 1)
    AS "oldestAgeSeconds"
FROM (SELECT attempts FROM ${table} LIMIT ${MOST_COUNTED}) counted`,
  };
}

/** The events of each order, in their order. */
export function byOrder(rows: readonly OutboxRow[]): OutboxRow[][] {
  const orders = new Map<string, OutboxRow[]>();
  for (const row of rows) {
    const order = orders.get(row.orderId);
    if (order === undefined) orders.set(row.orderId, [row]);
    else order.push(row);
  }
  const sorted = [...orders.values()];
  for (const order of sorted) order.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  return sorted;
}

const LONGEST_SHORT_STRING = 255;
/** The properties of a message must fit into one frame. */
const LONGEST_HEADERS = 2048;

/** What is wrong with a row that cannot be sent: it would end the connection. Undefined: nothing. */
export function faultOf(row: OutboxRow): string | undefined {
  for (const field of ['exchange', 'routingKey', 'messageId', 'contentType'] as const)
    if (Buffer.byteLength(row[field]) > LONGEST_SHORT_STRING)
      return `${field}: expected at most ${LONGEST_SHORT_STRING} bytes`;
  const { headers } = row;
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    return 'headers: expected a JSON object';
  if (Buffer.byteLength(JSON.stringify(headers)) > LONGEST_HEADERS)
    return `headers: expected at most ${LONGEST_HEADERS} bytes`;
  const odd = Object.entries(headers).find(([name, value]) => !isHeader(name, value));
  return odd && 'headers: expected names of at most 128 bytes, and no lists or objects';
}

function isHeader(name: string, value: unknown): boolean {
  return Buffer.byteLength(name) <= 128 && (value === null || typeof value !== 'object');
}
