import { ABSENT } from './keys.ts';
import type { CachedRecord } from './record.ts';

/** What `apply` did to an order. */
export type ApplyOutcome =
  /** The order is not in the cache; nothing was written. */
  | { readonly kind: 'absent' }
  /** A reader is loading the order; its lease is deleted, so that it cannot fill. Not in the cache either. */
  | { readonly kind: 'voided' }
  | { readonly kind: 'dropped' }
  /** The record says already what every event in hand says. */
  | { readonly kind: 'unchanged' }
  /** The record carries the ticket now and must be settled. */
  | { readonly kind: 'marked' };

/** What `settle` did to an order. */
export type SettleOutcome =
  | { readonly kind: 'absent' }
  /** The record equals the row; its TTL stays. */
  | { readonly kind: 'unchanged' }
  /** The row was written, with its TTL. */
  | { readonly kind: 'updated' }
  | { readonly kind: 'dropped'; readonly because: DropReason };

/** Fenced: the record differs from the row and something else has happened to it since `apply`. */
export type DropReason = 'NoRow' | 'Fenced' | 'OutOfMemory' | 'NoTtlTable';

export type LeaseOutcome =
  | { readonly kind: 'granted'; readonly token: string }
  /** Another reader is loading the order. */
  | { readonly kind: 'held' }
  /** The order cannot be cached at the moment. */
  | { readonly kind: 'refused' }
  /** A negative entry: a reader found no row a short while ago, and no event has been applied since. */
  | { readonly kind: 'knownAbsent' }
  | { readonly kind: 'found'; readonly record: CachedRecord };

export type FillOutcome =
  | { readonly kind: 'filled' }
  /** The lease does not stand: an event was applied, or it ran out. Nothing was written. */
  | { readonly kind: 'fenced' }
  | { readonly kind: 'released' }
  | { readonly kind: 'dropped'; readonly because: 'OutOfMemory' }
  /** There is no row, which is remembered by a negative entry. */
  | { readonly kind: 'filledAbsent' };

/** What a key says to a reader. */
export type LookOutcome =
  | { readonly kind: 'hit'; readonly record: CachedRecord }
  | { readonly kind: 'miss' }
  | { readonly kind: 'knownAbsent' };

const APPLY_OUTCOMES: readonly ApplyOutcome[] = [
  { kind: 'absent' },
  { kind: 'voided' },
  { kind: 'dropped' },
  { kind: 'unchanged' },
  { kind: 'marked' },
];

const SETTLE_OUTCOMES: readonly SettleOutcome[] = [
  { kind: 'absent' },
  { kind: 'unchanged' },
  { kind: 'updated' },
  { kind: 'dropped', because: 'NoRow' },
  { kind: 'dropped', because: 'Fenced' },
  { kind: 'dropped', because: 'OutOfMemory' },
  { kind: 'dropped', because: 'NoTtlTable' },
];

const FILL_OUTCOMES: readonly FillOutcome[] = [
  { kind: 'fenced' },
  { kind: 'filled' },
  { kind: 'released' },
  { kind: 'dropped', because: 'OutOfMemory' },
  { kind: 'filledAbsent' },
];

const LEASE_OUTCOMES: readonly LeaseOutcome[] = [
  { kind: 'granted', token: '' },
  { kind: 'held' },
  { kind: 'refused' },
  { kind: 'knownAbsent' },
];

const MISS: LookOutcome = { kind: 'miss' };
const KNOWN_ABSENT: LookOutcome = { kind: 'knownAbsent' };

export function readApplyReply(reply: unknown): ApplyOutcome {
  return pick(APPLY_OUTCOMES, reply);
}

export function readSettleReply(reply: unknown): SettleOutcome {
  return pick(SETTLE_OUTCOMES, reply);
}

export function readLeaseReply(reply: unknown, token: string): LeaseOutcome {
  if (Array.isArray(reply)) return { kind: 'found', record: readRecord(reply) };
  const outcome = pick(LEASE_OUTCOMES, reply);
  return outcome.kind === 'granted' ? { kind: 'granted', token } : outcome;
}

/** `[status, version, source, lease]` of a key, each null where the key does not have it. */
export function readLook(fields: readonly unknown[]): LookOutcome {
  if (typeof fields[0] === 'string') return { kind: 'hit', record: readRecord(fields) };
  return fields[3] === ABSENT ? KNOWN_ABSENT : MISS;
}

export function readFillReply(reply: unknown): FillOutcome {
  return pick(FILL_OUTCOMES, reply);
}

/** `[status, version, source]`; a field that the record lacks is null or empty. */
export function readRecord(fields: readonly unknown[]): CachedRecord {
  const [status, version, source] = fields;
  return { status: String(status), version: textOrNull(version), source: textOrNull(source) };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function pick<T>(outcomes: readonly T[], reply: unknown): T {
  const outcome = typeof reply === 'number' ? outcomes[reply] : undefined;
  if (outcome === undefined) throw new TypeError('a script of the cache gave a result that it does not have');
  return outcome;
}
