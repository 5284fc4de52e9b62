/**
 * The TTL table of a policy: how long records live. The operator writes it to Redis, every process that writes records
 * follows it. It is the switch too: without an Active table nobody writes a record and readers use the database.
 */
export interface TtlTable {
  readonly state: 'Active' | 'Retired';
  /** `<installation>/<namespace>/<name>` of the policy. */
  readonly owner: string;
  /** UID of the policy: one that was deleted and made again is another. */
  readonly uid: string;
  /** Rises with each change by one policy; its generation. */
  readonly revision: number;
  readonly defaultSeconds: number;
  /** 0 to 50: records live up to this much shorter. */
  readonly jitterPercent: number;
  /** Seconds by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** How long readers remember that the database has no such order; 0: not at all, as in a table without the field. */
  readonly absentSeconds: number;
  /** Which versions are comparable, `versionSource()` of api/worker-config.ts; null without a database. */
  readonly versionSource: string | null;
}

/** Each field as it stands in Redis, in the order in which it is written, and what it may hold. */
const FIELDS: { readonly [Field in keyof TtlTable]: (value: unknown) => value is TtlTable[Field] } = {
  state: (value) => value === 'Active' || value === 'Retired',
  owner: (value) => typeof value === 'string',
  uid: (value) => typeof value === 'string',
  revision: isWhole,
  defaultSeconds: isSeconds,
  jitterPercent: (value): value is number => isWhole(value) && value <= 50,
  absentSeconds: isWhole,
  versionSource: (value) => value === null || typeof value === 'string',
  statuses: (value): value is TtlTable['statuses'] =>
    isObject(value) && Object.values(value).every(isSeconds),
};
const NAMES = Object.keys(FIELDS) as (keyof TtlTable)[];

/** The same table gives the same text, whatever the order of its fields. */
export function encodeTtlTable(table: TtlTable): string {
  const fields = Object.fromEntries(NAMES.map((name) => [name, table[name]]));
  const statuses = Object.entries(table.statuses).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ ...fields, statuses: Object.fromEntries(statuses) });
}

/** Null for a text that is no TTL table; whoever reads it then behaves as if there were none. */
export function decodeTtlTable(text: string): TtlTable | null {
  const value = { absentSeconds: 0, ...parse(text) };
  return isTtlTable(value) ? value : null;
}

/**
 * How long a record with this status lives, in milliseconds: between (1 - jitter) and 1 times what is declared, never
 * longer. `random01` is a random number from 0 to 1.
 */
export function ttlMilliseconds(table: TtlTable, status: string, random01: number): number {
  const listed = Object.hasOwn(table.statuses, status) ? table.statuses[status] : undefined;
  const milliseconds = (listed ?? table.defaultSeconds) * 1000;
  const jitter = (milliseconds * table.jitterPercent * random01) / 100;
  return Math.max(1, Math.ceil(milliseconds - jitter));
}

function isTtlTable(value: Readonly<Partial<Record<keyof TtlTable, unknown>>>): value is TtlTable {
  return NAMES.every((name) => FIELDS[name](value[name]));
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSeconds(value: unknown): value is number {
  return isWhole(value) && value >= 1;
}
