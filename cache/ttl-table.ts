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

/** The same table gives the same text, whatever the order of its fields. */
export function encodeTtlTable(table: TtlTable): string {
  const { state, owner, uid, revision, defaultSeconds, jitterPercent, absentSeconds, versionSource } = table;
  const names = Object.keys(table.statuses).sort();
  return JSON.stringify({
    state,
    owner,
    uid,
    revision,
    defaultSeconds,
    jitterPercent,
    absentSeconds,
    versionSource,
    statuses: Object.assign(Object.create(null), ...names.map((name) => ({ [name]: table.statuses[name] }))),
  });
}

/** Null for a text that is no TTL table; whoever reads it then behaves as if there were none. */
export function decodeTtlTable(text: string): TtlTable | null {
  const value = parse(text);
  if (value === null) return null;
  const {
    state,
    owner,
    uid,
    revision,
    defaultSeconds,
    jitterPercent,
    absentSeconds = 0,
    versionSource,
  } = value;
  const statuses = decodeStatuses(value.statuses);
  if (state !== 'Active' && state !== 'Retired') return null;
  if (typeof owner !== 'string' || typeof uid !== 'string') return null;
  if (!isWhole(revision) || !isSeconds(defaultSeconds)) return null;
  if (!isWhole(jitterPercent) || jitterPercent > 50 || statuses === null) return null;
  if (!isWhole(absentSeconds)) return null;
  if (versionSource !== null && typeof versionSource !== 'string') return null;
  return {
    state,
    owner,
    uid,
    revision,
    defaultSeconds,
    jitterPercent,
    absentSeconds,
    statuses,
    versionSource,
  };
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

function decodeStatuses(value: unknown): Readonly<Record<string, number>> | null {
  if (!isObject(value)) return null;
  const statuses: Record<string, number> = Object.create(null);
  for (const [status, seconds] of Object.entries(value)) {
    if (!isSeconds(seconds)) return null;
    statuses[status] = seconds;
  }
  return statuses;
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
