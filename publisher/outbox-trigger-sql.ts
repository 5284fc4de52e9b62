import type { CloudEventSettings } from '../api/cloud-event-encode.ts';
import { emptyTree, place, pointerTokens, type Tree } from '../api/json-pointer.ts';
import type { EventSettings } from '../api/worker-config.ts';
import { eventSettings } from './options.ts';
import {
  columnName,
  dollarQuoted,
  quotedName,
  quotedTable,
  quotedText,
  type TableName,
  tableName,
} from './sql-names.ts';

export interface OrdersTriggerOptions {
  /** The orders table, perhaps with its schema. Without one: public. */
  readonly table: string;
  /** Default: id and status. `version` makes a change of that column an event, too. */
  readonly columns?: { readonly orderId?: string; readonly status?: string; readonly version?: string };
  readonly exchange: string;
  /** `{status}` in it stands for the new status. */
  readonly routingKey: string;
  /** How the policy reads events (spec.event), where it differs from the defaults of the resource. */
  readonly event?: Partial<EventSettings>;
  /** With event.format CloudEvents, which are written in structured mode: source and type. */
  readonly cloudEvents?: Omit<CloudEventSettings, 'mode'>;
}

/**
 * Events for every insert, deletion and change of status or version, in the shape that the policy reads.
 * @throws TypeError that names an option and what was expected
 */
export function ordersTrigger(outbox: Required<TableName>, options: OrdersTriggerOptions): string {
  const { schema = 'public', table } = tableName('orders.table', options.table);
  const orders = quotedTable({ schema, table });
  const columns = columnsOf(options);
  const functionName = quotedTable({ schema: outbox.schema, table: `${outbox.table}_change` });
  const event = eventSettings(options.event);
  const content = { type: CONTENT_TYPES[event.format], body: jsonObject(bodyOf(event, columns, options)) };
  if (content.type === undefined)
    throw new TypeError(`orders.event.format: expected JSON or CloudEvents, got ${event.format}`);
  return `-- What changes the orders table, changes the outbox in the same transaction, with the rights of the outbox's owner.
${changeFunction(functionName, outbox, orders, columns, options, content)}
${triggers(functionName, outbox, orders, columns).join('\n')}
`;
}

/** Quoted. */
interface Columns {
  readonly orderId: string;
  readonly status: string;
  readonly version: string | undefined;
}

function columnsOf({ columns = {}, event = {} }: OrdersTriggerOptions): Columns {
  const { orderId = 'id', status = 'status', version } = columns;
  if (event.versionPointer !== undefined && version === undefined)
    throw new TypeError(
      'orders.columns.version: expected a column name, because event.versionPointer is given',
    );
  return {
    orderId: columnName('orders.columns.orderId', orderId),
    status: columnName('orders.columns.status', status),
    version: version === undefined ? undefined : columnName('orders.columns.version', version),
  };
}

/**
 * It must not fail where the change itself would not have: what a worker cannot read is dead-lettered with a reason.
 * A status of NULL is no order to a worker, which reads the row; so the event needs some status only.
 */
function changeFunction(
  name: string,
  outbox: TableName,
  orders: string,
  { orderId, status }: Columns,
  { exchange, routingKey }: OrdersTriggerOptions,
  content: { readonly type: string | undefined; readonly body: string },
): string {
  const key = `replace(${constant('routingKey', routingKey)}, '{status}', event_status)`;
  const text = `
DECLARE
  changed ${orders}%ROWTYPE;
  event_time timestamptz := clock_timestamp();
  event_id text := gen_random_uuid();
  event_status text;
BEGIN
  IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
  IF changed.${orderId} IS NULL THEN RETURN NULL; END IF;
  event_status := coalesce(nullif(changed.${status}::text, ''), 'NULL');
  INSERT INTO ${quotedTable(outbox)} (order_id, exchange, routing_key, message_id, content_type, body)
  VALUES (changed.${orderId}::text, ${constant('exchange', exchange)},
    ${key}, event_id, '${content.type}',
    ${content.body}::text);
  RETURN NULL;
END `;
  return `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${dollarQuoted(text)};
REVOKE ALL ON FUNCTION ${name}() FROM PUBLIC;`;
}

function constant(option: string, text: unknown): string {
  if (typeof text === 'string' && Buffer.byteLength(text) <= 255 && !text.includes('\0'))
    return quotedText(text);
  throw new TypeError(`orders.${option}: expected a string of at most 255 bytes`);
}

/** Not `UPDATE OF`, which is blind to what other triggers change. */
function triggers(name: string, outbox: TableName, orders: string, { status, version }: Columns): string[] {
  const differs = [status, ...(version === undefined ? [] : [version])].map(
    (column) => `OLD.${column} IS DISTINCT FROM NEW.${column}`,
  );
  const trigger = (event: string, when: string) =>
    `CREATE OR REPLACE TRIGGER ${quotedName(`${outbox.table}_${event}`)} AFTER ${event.toUpperCase()} ON ${orders}
  FOR EACH ROW ${when}EXECUTE FUNCTION ${name}();`;
  return [
    trigger('insert', ''),
    trigger('update', `WHEN (${differs.join(' OR ')})\n  `),
    trigger('delete', ''),
  ];
}

const CONTENT_TYPES: Readonly<Record<EventSettings['format'], string | undefined>> = {
  JSON: 'application/json',
  CloudEvents: 'application/cloudevents+json; charset=utf-8',
  DebeziumOutbox: undefined,
};

/** A tree of SQL expressions. */
function bodyOf(event: EventSettings, columns: Columns, { cloudEvents = {} }: OrdersTriggerOptions): Tree {
  const tree = event.format === 'CloudEvents' ? cloudEvent(cloudEvents) : emptyTree();
  const fixed = Object.keys(tree);
  const put = (name: string, pointer: string, expression: string) => {
    const [first = '', ...rest] = pointerTokens(pointer);
    if (fixed.includes(first) && rest.length === 0) delete tree[first];
    if (!place(tree, [first, ...rest], expression))
      throw new TypeError(`orders.event.${name}: expected a pointer that does not collide with another one`);
  };
  const version = versionOf(event, columns);
  const sameField = event.versionFormat === 'Timestamp' && event.versionPointer === event.timestampPointer;
  put('orderIdPointer', event.orderIdPointer, `changed.${columns.orderId}::text`);
  put('statusPointer', event.statusPointer, 'event_status');
  const time = timestamp('event_time', event.timestampFormat);
  put(
    'timestampPointer',
    event.timestampPointer,
    sameField ? `coalesce(${version}, to_jsonb(${time}))` : time,
  );
  if (event.versionPointer !== undefined && !sameField) put('versionPointer', event.versionPointer, version);
  return tree;
}

function cloudEvent({ source = '/orders', type = 'order.status.changed' }: CloudEventSettings): Tree {
  const context = { specversion: '1.0', source, type, datacontenttype: 'application/json' };
  const constants = Object.entries(context).map(([name, text]) => [
    name,
    constant(`cloudEvents.${name}`, text),
  ]);
  return Object.assign(emptyTree(), Object.fromEntries(constants), { id: 'event_id' });
}

function jsonObject(tree: Tree, indent = '\n      '): string {
  const fields = Object.entries(tree).map(([name, value]) => {
    const expression = typeof value === 'string' ? value : jsonObject(value as Tree, `${indent}  `);
    return `${indent}${constant('event', name)}, ${expression}`;
  });
  return `jsonb_build_object(${fields.join(',')})`;
}

/** A deleted order has no version. A number is written as text where a reader of doubles would lose digits. */
function versionOf({ versionFormat, timestampFormat }: EventSettings, { version = '' }: Columns): string {
  const column = `changed.${version}`;
  const value =
    versionFormat === 'Timestamp'
      ? `to_jsonb(${timestamp(column, timestampFormat)})`
      : `CASE WHEN ${column}::text ~ '^[0-9]{1,15}$' THEN to_jsonb(${column}::text::bigint) ELSE to_jsonb(${column}::text) END`;
  return `CASE WHEN TG_OP <> 'DELETE' THEN ${value} END`;
}

const TIMESTAMPS: Readonly<Record<EventSettings['timestampFormat'], (time: string) => string>> = {
  RFC3339: (time) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  UnixSeconds: (time) => `round(extract(epoch FROM ${time})::numeric, 6)`,
  UnixMilliseconds: (time) => `round(extract(epoch FROM ${time})::numeric * 1000, 3)`,
  UnixMicroseconds: (time) => `(extract(epoch FROM ${time})::numeric * 1000000)::bigint`,
};

function timestamp(time: string, format: EventSettings['timestampFormat']): string {
  return TIMESTAMPS[format](time);
}
