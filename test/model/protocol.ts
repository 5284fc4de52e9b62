import type { ApplyOutcome, DropReason, FillOutcome, LeaseOutcome } from '../../cache/order-cache.ts';
import type { Fences } from './fence.ts';
import { ABSENT_WORD, type Entry, NO_TOKEN, NONE, type RecordEntry, type Row, versionOf } from './state.ts';

/** The scripts of cache/scripts, one to one, on one key: what the key holds before, and after. Pure. */
export interface Scripts {
  lease(entry: Entry | null, token: number, oom: boolean): Ended<Leased>;
  /** `source` names the row's version; `column` is the one that was read. */
  fill(entry: Entry | null, token: number, filling: Filling, oom: boolean): Ended<Filled>;
  release(entry: Entry | null, token: number): Ended<Filled>;
  /** The row does not exist: the placeholder becomes a negative entry. */
  fillAbsent(entry: Entry | null, token: number, oom: boolean): Ended<Filled>;
  mark(entry: Entry | null, ticket: number, oom: boolean): Ended<Applied>;
  drop(entry: Entry | null, expected: Expected | null, source: number): Ended<Applied>;
  settle(entry: Entry | null, ticket: number, settling: Settling, oom: boolean): Ended<Settled>;
}

export interface Ended<R extends string> {
  readonly entry: Entry | null;
  readonly result: R;
}
export type Leased = LeaseOutcome['kind'];
export type Filled = FillOutcome['kind'];
export type Applied = ApplyOutcome['kind'];
export type Settled = 'absent' | 'unchanged' | 'updated' | DropReason;

export interface Filling {
  readonly row: Row;
  readonly column: number;
  readonly source: number;
}
export interface Expected {
  readonly version: number;
  readonly status: string;
}
export interface Settling {
  readonly row: Row | null;
  readonly source: number;
  /** False without an Active TTL table. */
  readonly mayWrite: boolean;
}

export function scripts(fences: Fences): Scripts {
  const checksLease = fences.has('lease check in fill');
  const ownLease = fences.has('a lease is the reader’s own');
  const stands = (entry: Entry | null, token: number) =>
    !checksLease ||
    (entry?.kind === 'placeholder' &&
      (ownLease ? entry.lease === token : entry.lease !== ABSENT_WORD || entry.lease === token));

  return {
    lease(entry, token, oom) {
      if (entry?.kind === 'record') return { entry, result: 'found' };
      if (entry?.lease === ABSENT_WORD) return { entry, result: 'knownAbsent' };
      if (entry !== null) return { entry, result: entry.lease === token ? 'granted' : 'held' };
      if (oom) return { entry, result: 'refused' };
      return { entry: { kind: 'placeholder', lease: token }, result: 'granted' };
    },
    fill(entry, token, { row, column, source }, oom) {
      if (!stands(entry, token)) return { entry, result: 'fenced' };
      if (oom) return { entry: null, result: 'dropped' };
      return { entry: recordOf(row, versionOf(row, column), source, NO_TOKEN), result: 'filled' };
    },
    release(entry, token) {
      return stands(entry, token) ? { entry: null, result: 'released' } : { entry, result: 'fenced' };
    },
    fillAbsent(entry, token, oom) {
      if (!stands(entry, token)) return { entry, result: 'fenced' };
      if (oom) return { entry: null, result: 'dropped' };
      return { entry: { kind: 'placeholder', lease: ABSENT_WORD }, result: 'filledAbsent' };
    },
    mark(entry, ticket, oom) {
      if (entry?.kind !== 'record') return voided(entry, fences);
      if (oom) return { entry: null, result: 'dropped' };
      return { entry: { ...entry, ticket }, result: 'marked' };
    },
    drop(entry, expected, source) {
      if (entry?.kind !== 'record') return voided(entry, fences);
      return says(entry, expected, source)
        ? { entry, result: 'unchanged' }
        : { entry: null, result: 'dropped' };
    },
    settle: (entry, ticket, settling, oom) => settle(entry, ticket, settling, oom, fences),
  };
}

function voided(entry: Entry | null, fences: Fences): Ended<Applied> {
  if (entry === null) return { entry, result: 'absent' };
  return { entry: fences.has('void') ? null : entry, result: 'voided' };
}

function says(record: RecordEntry, expected: Expected | null, source: number): boolean {
  if (expected === null || expected.version === NONE || source === 0) return false;
  return record.version === expected.version && record.source === source && record.status === expected.status;
}

function settle(
  entry: Entry | null,
  ticket: number,
  { row, source, mayWrite }: Settling,
  oom: boolean,
  fences: Fences,
): Ended<Settled> {
  if (entry === null) return { entry, result: 'absent' };
  if (entry.kind === 'placeholder') return { entry: null, result: 'Fenced' };
  if (row === null) return { entry: null, result: 'NoRow' };
  const version = versionOf(row, source);
  if (equals(entry, row, version, source)) {
    const left = entry.ticket === ticket ? NO_TOKEN : entry.ticket;
    return { entry: left === entry.ticket ? entry : { ...entry, ticket: left }, result: 'unchanged' };
  }
  if (!fences.has('the row decides') && entry.source === source && entry.version > version) {
    return { entry, result: 'unchanged' };
  }
  if (fences.has('ticket') && entry.ticket !== ticket) {
    return { entry: fences.has('drop on refusal') ? null : entry, result: 'Fenced' };
  }
  if (!mayWrite) return { entry: null, result: 'NoTtlTable' };
  if (oom) return { entry: null, result: 'OutOfMemory' };
  const left = fences.has('a ticket is used up') ? NO_TOKEN : entry.ticket;
  return { entry: recordOf(row, version, source, left), result: 'updated' };
}

function equals(record: RecordEntry, row: Row, version: number, source: number): boolean {
  return (
    record.status === row.status &&
    record.version === version &&
    record.source === (version === NONE ? 0 : source)
  );
}

function recordOf({ status, seq }: Row, version: number, source: number, ticket: number): RecordEntry {
  return { kind: 'record', status, version, source: version === NONE ? 0 : source, ticket, seq };
}
