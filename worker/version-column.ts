/** A column's type as the database describes it. */
export interface ColumnType {
  /** As in PostgreSQL's catalog pg_type; of a domain, its base type. */
  readonly oid: number;
  /** Length, precision and scale, or -1. */
  readonly modifier: number;
  /** As SQL writes it. */
  readonly name: string;
}

/** How versions stand in a column: whole numbers, or times, which are whole microseconds since 1970. Pure. */
export interface VersionColumn {
  /** SQL for the version of a column as decimal digits; NULL for what is no version, such as `infinity`. */
  readonly read: (column: string) => string;
  /** SQL for the value that the column has for a version, a numeric. */
  readonly value: (version: string) => string;
  /** Whether it keeps every version that it is given. */
  readonly exact: boolean;
}

const WHOLE: VersionColumn = {
  read: (column) => `${column}::text`,
  value: (version) => version,
  exact: true,
};

/** Whole numbers all the way: a double holds each of these products. Later times would not fit in a bigint. */
const TIME: VersionColumn = {
  read: (column) =>
    `CASE WHEN ${column} > '-infinity' AND ${column} < '10000-01-01 00:00:00+00' ` +
    `THEN (extract(epoch FROM ${column}) * 1000000)::bigint::text END`,
  value: (version) =>
    `(timestamptz 'epoch' + (${version}::bigint / 1000000) * interval '1 second' ` +
    `+ (${version}::bigint % 1000000) * interval '1 microsecond')`,
  exact: true,
};

const [BIGINT, SMALLINT, INTEGER, NUMERIC, TIMESTAMPTZ] = [20, 21, 23, 1700, 1184];
const ANY = -1;
const MICROSECONDS = 6;

/** Undefined for a type whose values are no versions: they could not be compared without loss. */
export function versionColumn({ oid, modifier }: ColumnType): VersionColumn | undefined {
  if (oid === BIGINT || oid === SMALLINT || oid === INTEGER) return WHOLE;
  if (oid === NUMERIC && (modifier === ANY || scale(modifier) === 0)) return WHOLE;
  if (oid === TIMESTAMPTZ) return { ...TIME, exact: modifier === ANY || modifier === MICROSECONDS };
  return undefined;
}

/** Of a numeric: the lower eleven bits, signed. */
function scale(modifier: number): number {
  return (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
}

export const VERSION_TYPES =
  'bigint, integer, numeric without decimals, or timestamp with time zone to the microsecond';
