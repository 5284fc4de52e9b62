import type { DatabaseSettings } from '../api/worker-config.ts';
import { comparedId, type IdColumn, ordersNames } from './orders-query.ts';
import type { ColumnType, VersionColumn } from './version-column.ts';
import type { WriteOrder } from './write-order.ts';

export interface WrittenColumns {
  readonly id: IdColumn;
  readonly status: ColumnType;
  readonly version: VersionColumn;
}

/** Text types take a text, and refuse one that is too long; a cast would cut it. */
const TEXT_TYPES = new Set([25, 1042, 1043]);

/**
 * One statement, so that it takes effect as a whole or not at all. Three parameters: ids, statuses and versions, each
 * order once. Rows are locked in the order of their ids, so that two such statements never wait for each other. The
 * guard is evaluated on the row as it is once it is locked. Gives id, status and version of each row as it is now.
 *
 * @param locked what becomes of rows that another transaction has locked; Skip leaves them out
 */
export function writeStatement(
  settings: DatabaseSettings,
  columns: WrittenColumns,
  order: WriteOrder,
  locked: 'Wait' | 'Skip',
): string {
  const { table, id, status, version } = ordersNames(settings);
  const { cast } = columns.id;
  const readVersion = columns.version.read(`o.${version}`);
  const newStatus = TEXT_TYPES.has(columns.status.oid)
    ? 'held.status'
    : `held.status::${columns.status.name}`;
  const newer = {
    Version: `o.${version} < held.version`,
    Timestamp:
      `(o.${version}, coalesce(o.${status}::text, '') COLLATE "C") < ` +
      `(held.version, held.status COLLATE "C")`,
  };
  return `
WITH event AS (
  SELECT e.id, e.status, ${columns.version.value('e.version')} AS version
  FROM unnest($1::${cast}, $2::text[], $3::numeric[]) AS e(id, status, version)
), held AS (
  SELECT o.${id} AS id, o.${status}::text AS old_status, ${readVersion} AS old_version, e.status, e.version
  FROM ${table} AS o JOIN event AS e ON ${comparedId(`o.${id}`, columns.id)} = e.id
  ORDER BY o.${id}
  FOR NO KEY UPDATE OF o${locked === 'Skip' ? ' SKIP LOCKED' : ''}
), written AS (
  UPDATE ${table} AS o SET ${status} = ${newStatus}, ${version} = held.version
  FROM held WHERE o.${id} = held.id AND (o.${version} IS NULL OR ${newer[order]})
  RETURNING o.${id} AS id, o.${status}::text AS status, ${readVersion} AS version
)
SELECT held.id::text,
  CASE WHEN written.id IS NULL THEN held.old_status ELSE written.status END,
  CASE WHEN written.id IS NULL THEN held.old_version ELSE written.version END
FROM held LEFT JOIN written ON written.id = held.id`;
}
