/** What the database says about an order. */
export interface Row {
  readonly status: string;
  /** A whole number in decimal digits, of any length; null when there is none. */
  readonly version: string | null;
}

/** A row whose version is known. */
export interface VersionedRow extends Row {
  readonly version: string;
}

/** What Redis says about an order. */
export interface CachedRecord extends Row {
  /** Which counter the version belongs to: versions of different sources are not compared. */
  readonly source: string | null;
}

/** Canonical decimal form (`007` is `7`, `-0` is `0`); null for anything that is not a whole number. */
export function normalizeVersion(text: string): string | null {
  const match = /^(-?)0*(\d+)$/.exec(text);
  const [, sign, digits] = match ?? [];
  if (digits === undefined) return null;
  return sign === '-' && digits !== '0' ? `-${digits}` : digits;
}

/**
 * Compares two canonical versions (`normalizeVersion`) of one source without loss: -1 when `a` is lower, 1 when it
 * is higher, 0 when they are equal.
 */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  const negative = a.startsWith('-');
  if (negative !== b.startsWith('-')) return negative ? -1 : 1;
  const higher = a.length === b.length ? a > b : a.length > b.length;
  return higher === negative ? -1 : 1;
}

/**
 * What all events in hand for one order say, if they agree and carry a version; else null. ReadThrough keeps a record
 * that already says the same.
 */
export function agreedRow(events: readonly Row[]): VersionedRow | null {
  const [first] = events;
  if (first === undefined || first.version === null) return null;
  const { status, version } = first;
  const agree = events.every((event) => event.version === version && event.status === status);
  return agree ? { status, version } : null;
}
