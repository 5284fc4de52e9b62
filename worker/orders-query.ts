import type { DatabaseSettings } from '../api/worker-config.ts';

/** How order ids are looked up in a column of some type. Pure. */
export interface OrdersQuery {
  /** Of the prepared statement. */
  readonly name: string;
  /** One parameter: the ids, an array of texts. Gives id, status and version, each as text. */
  readonly text: string;
  /** Whether the column's type can hold the id. One that cannot would fail the whole statement: it has no row. */
  readonly holds: (orderId: string) => boolean;
  /** Whether the column's index can serve the lookup. */
  readonly indexed: boolean;
}

/** Gives the type of the id column, and proves the rights to read the three columns. Reads no row. */
export function describeOrders({ table, columns }: DatabaseSettings): string {
  const names = [columns.orderId, columns.status, columns.version].map(quoted).join(', ');
  return `SELECT ${names} FROM ${quotedTable(table)} LIMIT 0`;
}

interface ColumnType {
  readonly cast: string;
  readonly holds: (orderId: string) => boolean;
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

/** By type oid, as in PostgreSQL's catalog pg_type. */
const COLUMN_TYPES: Readonly<Record<number, ColumnType>> = {
  20: { cast: 'bigint[]', holds: isBigint },
  21: { cast: 'bigint[]', holds: isBigint },
  23: { cast: 'bigint[]', holds: isBigint },
  25: { cast: 'text[]', holds: anything },
  1042: { cast: 'bpchar[]', holds: anything },
  1043: { cast: 'text[]', holds: anything },
  2950: { cast: 'uuid[]', holds: isUuid },
};

export function ordersQuery({ table, columns }: DatabaseSettings, idTypeOid: number): OrdersQuery {
  const [id, status, version] = [columns.orderId, columns.status, columns.version].map(quoted);
  const select = `SELECT ${id}::text, ${status}::text, ${version}::text FROM ${quotedTable(table)}`;
  const type = COLUMN_TYPES[idTypeOid];
  return type === undefined
    ? {
        name: 'orders',
        text: `${select} WHERE ${id}::text = ANY($1::text[])`,
        holds: anything,
        indexed: false,
      }
    : {
        name: `orders by ${type.cast}`,
        text: `${select} WHERE ${id} = ANY($1::${type.cast})`,
        holds: type.holds,
        indexed: true,
      };
}

/** `schema.table` or `table`. */
function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
