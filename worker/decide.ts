import type { Malformed } from '../api/event.ts';
import type { RetryStep, WorkerConfig } from '../api/worker-config.ts';
import type { Outcome } from '../api/worker-report.ts';
import type { ApplyOutcome, SettleOutcome } from '../cache/order-cache.ts';
import {
  agreedRow,
  compareVersions,
  normalizeVersion,
  type Row,
  type VersionedRow,
} from '../cache/record.ts';
import type { OrderEvents } from './batch.ts';
import { RowRefused } from './database-failure.ts';

/** How a delivery ends. The reason feeds the action, the log line, the metric and the header alike. */
export type Verdict =
  | { readonly kind: 'Finished'; readonly outcome: Effect }
  | Retry
  | { readonly kind: 'DeadLetter'; readonly reason: string; readonly detail: string };

export interface Retry {
  readonly kind: 'Retry';
  readonly reason: 'RowBehind' | 'OrderNotFound' | 'RowRefused' | 'ProcessingFailed';
  /** Attempts made, this one included. */
  readonly attempts: number;
  readonly step: RetryStep;
}

/** The outcomes of an event that was applied to the cache. */
export type Effect = Exclude<Outcome, 'retried' | 'dead-lettered'>;

export type RetrySettings = WorkerConfig['rabbitmq']['retry'];

type DatabaseWriter = NonNullable<WorkerConfig['database']>['writer'];

/** `mark`: the record is written from the row afterwards. Without an active TTL table nobody writes a record. */
export function applyMode(strategy: WorkerConfig['strategy'], mayWrite: boolean): 'mark' | 'drop' {
  return strategy === 'WriteThrough' && mayWrite ? 'mark' : 'drop';
}

/**
 * What a record may say to be left alone: what all events in hand say. Where the worker writes, what the row says, so
 * that an older event changes nothing.
 */
export function expectedRecord({ versioned, events }: OrderEvents, written?: Row): VersionedRow | null {
  if (written?.version != null) return { status: written.status, version: written.version };
  return versioned ? agreedRow(events.map(({ event }) => event)) : null;
}

/**
 * Whether the row must be read after `apply`: for a marked record, and for a versioned event in any case. A reader
 * may fill an absent order with the row as it was before the event, which only the row itself can rule out.
 */
export function mustSettle(applied: ApplyOutcome, versioned: boolean): boolean {
  return applied.kind === 'marked' || versioned;
}

/** What the change of the cache was; `settled` is absent for an order that had not to be settled. */
export function effectOf(applied: ApplyOutcome, settled: SettleOutcome | undefined): Effect {
  if (settled?.kind === 'updated') return 'updated';
  if (settled?.kind === 'dropped') return 'invalidated';
  switch (applied.kind) {
    case 'dropped':
      return 'invalidated';
    case 'unchanged':
      return settled?.kind === 'absent' ? 'invalidated' : 'unchanged';
    case 'marked':
      return settled?.kind === 'unchanged' ? 'unchanged' : 'invalidated';
    default:
      return settled?.kind === 'unchanged' ? 'unchanged' : 'absent';
  }
}

const FINISHED: Readonly<Record<Effect, Verdict>> = {
  updated: { kind: 'Finished', outcome: 'updated' },
  invalidated: { kind: 'Finished', outcome: 'invalidated' },
  absent: { kind: 'Finished', outcome: 'absent' },
  unchanged: { kind: 'Finished', outcome: 'unchanged' },
  unseen: { kind: 'Finished', outcome: 'unseen' },
};

/** A row behind the event's version is not visible yet. */
export function isRowBehind(version: string | null, row: Row | null): boolean {
  const present = row?.version == null ? null : normalizeVersion(row.version);
  return version !== null && present !== null && compareVersions(present, version) < 0;
}

/**
 * A row that the initiator writes is the truth, even if what the event tells of never becomes visible. Where the worker
 * writes, an event that has not become its row by the last attempt is set aside: there is no row, somebody keeps it
 * locked, or a trigger sets another version.
 *
 * @param effect what was done to the cache for the event's order
 * @param attempts attempts that came before this one
 * @param absentRemembered whether readers may remember that there is no row. They could do so after the event, if its
 *   row is not visible yet, so a missing row is waited for too; else nobody can fill the cache without a row
 */
export function judge(
  effect: Effect,
  version: string | null,
  row: Row | null,
  attempts: number,
  retry: RetrySettings,
  writer: DatabaseWriter = 'Initiator',
  absentRemembered = false,
): Verdict {
  if (writer === 'Worker' && row === null)
    return retryOrSetAside('OrderNotFound', 'no such row', attempts, retry);
  if (row === null && version !== null && absentRemembered)
    return retryAfter('RowBehind', attempts, retry) ?? FINISHED[effect];
  if (!isRowBehind(version, row)) return FINISHED[effect];
  if (writer === 'Worker') return retryOrSetAside('RowBehind', 'the row was not written', attempts, retry);
  return retryAfter('RowBehind', attempts, retry) ?? FINISHED.unseen;
}

/** It will not become readable by waiting. */
export function judgeMalformed({ reason, field, detail }: Malformed): Verdict {
  return { kind: 'DeadLetter', reason, detail: field === undefined ? detail : `${field}: ${detail}` };
}

/** For an event that makes the worker itself fail, or that the database refuses: tried again, and then set aside. */
export function judgeFailure(error: unknown, attempts: number, retry: RetrySettings): Verdict {
  if (error instanceof RowRefused) return retryOrSetAside('RowRefused', error.message, attempts, retry);
  const detail = error instanceof Error ? error.name : 'unknown error';
  return retryOrSetAside('ProcessingFailed', detail, attempts, retry);
}

function retryOrSetAside(
  reason: Retry['reason'],
  why: string,
  attempts: number,
  retry: RetrySettings,
): Verdict {
  const detail = `${why} after ${attempts + 1} attempts`;
  return retryAfter(reason, attempts, retry) ?? { kind: 'DeadLetter', reason, detail };
}

/** Undefined when this attempt was the last. */
function retryAfter(reason: Retry['reason'], attemptsBefore: number, retry: RetrySettings) {
  const attempts = attemptsBefore + 1;
  const step = retry.steps[Math.min(attempts, retry.steps.length) - 1];
  if (attempts >= retry.maxAttempts || step === undefined) return undefined;
  return { kind: 'Retry', reason, attempts, step } as const;
}

/** Attempts made before, as our header says. It may be forged: whatever is not a sensible count is bounded. */
export function attemptsBefore(header: unknown, maxAttempts: number): number {
  if (typeof header !== 'number' || !Number.isFinite(header)) return 0;
  return Math.min(Math.max(Math.trunc(header), 0), maxAttempts);
}
