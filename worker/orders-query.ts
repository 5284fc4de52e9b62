import type { DatabaseSettings } from '../api/worker-config.ts';
import type { ColumnType, VersionColumn } from './version-column.ts';

/** The table and its columns as SQL writes them. Pure. */
export interface OrdersNames {
  readonly table: string;
  readonly id: string;
  readonly status: string;
  readonly version: string;
}

export function ordersNames({ table, columns }: DatabaseSettings): OrdersNames {
  const { orderId, status, version } = columns;
  return { table: quotedTable(table), id: quoted(orderId), status: quoted(status), version: quoted(version) };
}

/** Gives the types of the three columns, and proves the rights to read them. Reads no row. */
export function describeOrders(settings: DatabaseSettings): string {
  const { table, id, status, version } = ordersNames(settings);
  return `SELECT ${id}, ${status}, ${version} FROM ${table} LIMIT 0`;
}

/** How order ids are looked up in a column of some type. */
export interface IdColumn {
  /** What the ids are cast to, an array. */
  readonly cast: string;
  /** Whether the column's type can hold the id. One that cannot would fail the whole statement: it has no row. */
  readonly holds: (orderId: string) => boolean;
  /** Whether the column's index can serve the lookup. */
  readonly indexed: boolean;
}

const INT8 = { minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n };

/** Only the form in which the database itself writes the number: `007` is no row's id. */
function isBigint(orderId: string): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(orderId)) return false;
  const value = BigInt(orderId);
  return value >= INT8.minimum && value <= INT8.maximum;
}

const isUuid = (orderId: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(orderId);
const anything = () => true;
const BIGINTS: IdColumn = { cast: 'bigint[]', holds: isBigint, indexed: true };
const TEXTS: IdColumn = { cast: 'text[]', holds: anything, indexed: true };

/** By type oid, as in PostgreSQL's catalog pg_type. */
const ID_COLUMNS: Readonly<Record<number, IdColumn>> = {
  20: BIGINTS,
  21: BIGINTS,
  23: BIGINTS,
  25: TEXTS,
  1042: { cast: 'bpchar[]', holds: anything, indexed: true },
  1043: TEXTS,
  2950: { cast: 'uuid[]', holds: isUuid, indexed: true },
};

export function idColumn({ oid }: ColumnType): IdColumn {
  return ID_COLUMNS[oid] ?? { ...TEXTS, indexed: false };
}

/** The id of a row as it is compared with the ids that are looked up. */
export function comparedId(name: string, { indexed }: IdColumn): string {
  return indexed ? name : `${name}::text`;
}

/** One parameter: the ids, an array of texts. Gives id, status and version, each as text. */
export function ordersQuery(settings: DatabaseSettings, id: IdColumn, version: VersionColumn): string {
  const names = ordersNames(settings);
  return (
    `SELECT ${names.id}::text, ${names.status}::text, ${version.read(names.version)} FROM ${names.table} ` +
    `WHERE ${comparedId(names.id, id)} = ANY($1::${id.cast})`
  );
}

/** `schema.table` or `table`. */
function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
