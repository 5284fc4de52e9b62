import { createHash } from 'node:crypto';
import type { DatabaseSettings } from '../api/worker-config.ts';
import { idColumn, ordersQuery } from './orders-query.ts';
import { writeStatement } from './orders-write.ts';
import { type ColumnType, VERSION_TYPES, versionColumn } from './version-column.ts';
import type { WriteOrder } from './write-order.ts';

/** A statement under the name by which a connection prepares it once. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
}

/** What is said to the orders table, given the types of its columns. Pure. */
export interface OrdersStatements {
  readonly kind: 'Statements';
  /** One parameter: ids. */
  readonly read: PreparedStatement;
  /** Three parameters: ids, statuses and versions. Undefined: initiators write. */
  readonly write: { readonly wait: PreparedStatement; readonly skip: PreparedStatement } | undefined;
  /** Whether the type of the id column can hold the id; an id that it cannot hold has no row. */
  readonly holds: (orderId: string) => boolean;
  /** Whether the id column's index can serve the lookup. */
  readonly indexed: boolean;
}

export interface OrdersColumns {
  readonly orderId: ColumnType;
  readonly status: ColumnType;
  readonly version: ColumnType;
}

/** One line that names the field, and what was expected. */
export interface Refused {
  readonly kind: 'Refused';
  readonly reason: string;
}

/** @param order undefined: initiators write the rows */
export function ordersStatements(
  settings: DatabaseSettings,
  columns: OrdersColumns,
  order: WriteOrder | undefined,
): OrdersStatements | Refused {
  const version = versionColumn(columns.version);
  if (version === undefined || (order !== undefined && !version.exact))
    return refusedVersion(columns.version);
  const id = idColumn(columns.orderId);
  const write = (locked: 'Wait' | 'Skip', by: WriteOrder) =>
    named(writeStatement(settings, { id, status: columns.status, version }, by, locked));
  return {
    kind: 'Statements',
    read: named(ordersQuery(settings, id, version)),
    write: order && { wait: write('Wait', order), skip: write('Skip', order) },
    holds: id.holds,
    indexed: id.indexed,
  };
}

function refusedVersion({ name }: ColumnType): Refused {
  return { kind: 'Refused', reason: `database.columns.version: expected ${VERSION_TYPES}, got ${name}` };
}

/** Another text is another name: a connection keeps what it has prepared when the table has changed. */
function named(text: string): PreparedStatement {
  return { name: `orders ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text };
}
