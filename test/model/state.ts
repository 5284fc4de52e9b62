import type { ApplyOutcome } from '../../cache/order-cache.ts';

/** No version: as in the record and the event, which then lack the field. */
export const NONE = -1;
/** No lease or ticket. */
export const NO_TOKEN = 0;
/** The word in the `lease` field of a negative entry; no token is ever equal to it. */
export const ABSENT_WORD = -2;

/** A committed row, of the one order there is. */
export interface Row {
  /** One letter. */
  readonly status: string;
  /** In the column of source 1. */
  readonly version: number;
  /** In the column of source 2, for policies that change their version column. */
  readonly other: number;
  /** Its place in the order of commits, which no program of ours sees: the truth about what is older. */
  readonly seq: number;
}

export type RecordEntry = {
  readonly kind: 'record';
  readonly status: string;
  readonly version: number;
  /** 0: no version. */
  readonly source: number;
  readonly ticket: number;
  readonly seq: number;
};
export type Placeholder = { readonly kind: 'placeholder'; readonly lease: number };
/** What the order's key holds. */
export type Entry = RecordEntry | Placeholder;

export interface OrderEvent {
  readonly status: string;
  readonly version: number;
  readonly other: number;
}

/** A transaction: not begun, row written, and published before commit, committed and not yet published, over. */
export type Phase = 'idle' | 'written' | 'published' | 'committed' | 'over';

/** A message in a worker's hands, in the order of delivery. */
export interface Held {
  /** The transaction whose event it is. */
  readonly tx: number;
  readonly stage: 'waiting' | 'batch' | 'retry' | 'done';
  /** False when its channel was closed: the broker delivers it again. */
  readonly open: boolean;
}

export interface WorkerState {
  readonly phase: 'idle' | 'taken' | 'written' | 'applied' | 'read';
  readonly held: readonly Held[];
  readonly ticket: number;
  readonly applied: ApplyOutcome['kind'] | null;
  readonly row: Row | null;
  /** Transactions of the batch that were over when the row was read, one bit each. */
  readonly overAtRead: number;
}

export interface ReaderState {
  readonly phase: 'idle' | 'leased' | 'loaded';
  readonly token: number;
  readonly row: Row | null;
  /** An event was applied after the row was read, when the database had a newer one. */
  readonly overtaken: boolean;
}

export interface CatchUpState {
  /** A failover, or a loss in the broker, was noticed. */
  readonly due: boolean;
  readonly phase: 'idle' | 'applied' | 'read';
  readonly ticket: number;
  readonly row: Row | null;
}

export interface State {
  readonly entry: Entry | null;
  /** What a failover would bring back. */
  readonly replica: Entry | null;
  /** Place in the order of commits of the newest row that the cache has held. */
  readonly newest: number;
  readonly row: Row | null;
  readonly seq: number;
  /** The transaction that has the row's lock, and what it will be. */
  readonly pending: { readonly tx: number; readonly row: Row | null } | null;
  readonly phases: readonly Phase[];
  /** By transaction, once published. */
  readonly events: readonly (OrderEvent | null)[];
  /** Messages in the queue, by transaction; they are delivered in any order. */
  readonly queue: readonly number[];
  readonly workers: readonly WorkerState[];
  readonly readers: readonly ReaderState[];
  readonly catchUp: CatchUpState;
}

export const IDLE_WORKER: WorkerState = {
  phase: 'idle',
  held: [],
  ticket: NO_TOKEN,
  applied: null,
  row: null,
  overAtRead: 0,
};
export const IDLE_READER: ReaderState = { phase: 'idle', token: NO_TOKEN, row: null, overtaken: false };
export const IDLE_CATCH_UP: CatchUpState = { due: false, phase: 'idle', ticket: NO_TOKEN, row: null };

/** The version that a policy with this source sees in a row or an event; 0: a policy without a database. */
export function versionOf(of: { readonly version: number; readonly other: number }, source: number): number {
  if (source === 0) return of.version;
  return source === 1 ? of.version : of.other;
}

/** As random as it must be: equal to none that anybody still has. */
export function freshToken({ entry, replica, workers, readers, catchUp }: State): number {
  const used = new Set<number>([catchUp.ticket]);
  for (const each of [entry, replica]) {
    if (each !== null) used.add(each.kind === 'record' ? each.ticket : each.lease);
  }
  for (const { ticket } of workers) used.add(ticket);
  for (const { token } of readers) used.add(token);
  for (let token = 1; ; token++) if (!used.has(token)) return token;
}
