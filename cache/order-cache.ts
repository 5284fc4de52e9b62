import { randomBytes } from 'node:crypto';
import type { RedisConnection } from './connect.ts';
import type { RedisFailure } from './failure.ts';
import { ABSENT, orderKey } from './keys.ts';
import { lookAt, lookAtMany } from './look.ts';
import {
  type ApplyOutcome,
  type FillOutcome,
  type LeaseOutcome,
  type LookOutcome,
  readApplyReply,
  readFillReply,
  readLeaseReply,
  readSettleReply,
  type SettleOutcome,
} from './outcomes.ts';
import type { CachedRecord, Row, VersionedRow } from './record.ts';
import { Script } from './script.ts';
import { APPLY } from './scripts/apply.ts';
import { FILL } from './scripts/fill.ts';
import { LEASE } from './scripts/lease.ts';
import { SETTLE } from './scripts/settle.ts';
import { type TtlTable, ttlMilliseconds } from './ttl-table.ts';

export type {
  ApplyOutcome,
  DropReason,
  FillOutcome,
  LeaseOutcome,
  LookOutcome,
  SettleOutcome,
} from './outcomes.ts';

export interface OrderCacheSettings {
  readonly keyPrefix: string;
  /** `versionSource()` of api/worker-config.ts; null when versions cannot be compared. */
  readonly versionSource: string | null;
}

/** `mark` for WriteThrough: the record is settled afterwards. `drop` for ReadThrough, or without an Active TTL table. */
export type ApplyMode = 'mark' | 'drop';

export interface AppliedOrder {
  readonly orderId: string;
  /** `agreedRow` of the events in hand; `drop` leaves a record alone that says the same. */
  readonly expected: VersionedRow | null;
}

export interface SettledOrder {
  readonly orderId: string;
  /** What the primary said after `apply`; null: there is no row. */
  readonly row: Row | null;
}

/** Keys per script call on a single server: a call of this size takes Redis well under a millisecond. */
const CHUNK = 200;

/** The four steps as they run in Redis. */
export const SCRIPTS = {
  apply: new Script(APPLY),
  settle: new Script(SETTLE),
  lease: new Script(LEASE),
  fill: new Script(FILL),
} as const;

/**
 * The records of one policy in Redis, and the four atomic steps by which they change. Each step is atomic for each
 * order by itself. Whatever fails rejects with RedisFailure; then any part of the call may have taken effect, and
 * the whole may be repeated.
 */
export class OrderCache {
  readonly #connection: RedisConnection;
  readonly #keyPrefix: string;
  readonly #source: string;
  readonly #scripts: typeof SCRIPTS;

  /** `scripts` is for tests, which show with a variant that each part of a script is needed. */
  constructor(connection: RedisConnection, settings: OrderCacheSettings, scripts = SCRIPTS) {
    this.#scripts = scripts;
    this.#connection = connection;
    this.#keyPrefix = settings.keyPrefix;
    this.#source = settings.versionSource ?? '';
  }

  /**
   * Events have arrived for these orders, each at most once in a call. Outcomes are in the order of `orders`. The row
   * of a marked order must be read after this returns, and settled with the ticket.
   */
  async apply(
    mode: ApplyMode,
    orders: readonly AppliedOrder[],
  ): Promise<{ readonly ticket: string; readonly outcomes: readonly ApplyOutcome[] }> {
    const ticket = newToken();
    const head = [mode, mode === 'mark' ? ticket : this.#source];
    const expected = mode === 'drop' && orders.some((order) => order.expected !== null);
    const tail = ({ expected: row }: AppliedOrder) => [row?.version ?? '', row?.status ?? ''];
    const replies = await this.#runInChunks(this.#scripts.apply, orders, head, expected ? tail : undefined);
    return { ticket, outcomes: replies.map(readApplyReply) };
  }

  /**
   * The rows of these orders were read after `apply` gave the ticket. `ttl` null: no record may be written, so what
   * differs from its row is dropped. Outcomes are in the order of `orders`.
   */
  async settle(
    ticket: string,
    ttl: TtlTable | null,
    orders: readonly SettledOrder[],
  ): Promise<readonly SettleOutcome[]> {
    const tail = ({ row }: SettledOrder) => settleArguments(row, ttl);
    const replies = await this.#runInChunks(this.#scripts.settle, orders, [ticket, this.#source], tail);
    return replies.map(readSettleReply);
  }

  /** The record, or null. */
  async get(orderId: string): Promise<CachedRecord | null> {
    const found = await this.look(orderId);
    return found.kind === 'hit' ? found.record : null;
  }

  /** What the key says to a reader. */
  look(orderId: string): Promise<LookOutcome> {
    return lookAt(this.#connection, this.#key(orderId));
  }

  /** What the keys say to a reader, in the order of `orderIds`; rejects when nothing was answered at all. */
  lookMany(orderIds: readonly string[]): Promise<readonly (LookOutcome | RedisFailure)[]> {
    const keys = orderIds.map((orderId) => this.#key(orderId));
    return lookAtMany(this.#connection, keys);
  }

  /** A reader has missed. The lease must last longer than the load that follows, in milliseconds. */
  async lease(orderId: string, leaseMs: number): Promise<LeaseOutcome> {
    const token = newToken();
    const reply = await this.#scripts.lease.run(this.#connection, [this.#key(orderId)], [token, leaseMs]);
    return readLeaseReply(reply, token);
  }

  /**
   * The holder of the lease has read `row` on the primary, in a statement begun after the lease. Its version is one of
   * the table's `versionSource`.
   */
  async fill(orderId: string, token: string, row: Row, ttl: TtlTable): Promise<FillOutcome> {
    const { status, version } = row;
    const milliseconds = ttlMilliseconds(ttl, status, Math.random());
    return this.#fill(orderId, [token, status, version ?? '', ttl.versionSource ?? '', milliseconds, 'row']);
  }

  /**
   * The holder of the lease has found no row on the primary, in a statement begun after the lease. It is remembered for
   * so many seconds, or until an event is applied.
   */
  async fillAbsent(orderId: string, token: string, seconds: number): Promise<FillOutcome> {
    return this.#fill(orderId, [token, '', '', '', seconds * 1000, ABSENT]);
  }

  /** Gives a lease back without writing: the row could not be read, or that there is none is not to be remembered. */
  async release(orderId: string, token: string): Promise<FillOutcome> {
    return this.#fill(orderId, [token, '', '', '', '', 'row']);
  }

  async #fill(orderId: string, args: readonly (string | number)[]): Promise<FillOutcome> {
    return readFillReply(await this.#scripts.fill.run(this.#connection, [this.#key(orderId)], args));
  }

  async #runInChunks<T extends { readonly orderId: string }>(
    script: Script,
    orders: readonly T[],
    head: readonly string[],
    tail: ((order: T) => readonly (string | number)[]) | undefined,
  ): Promise<readonly unknown[]> {
    const calls: Promise<unknown>[] = [];
    const size = this.#connection.kind === 'Cluster' ? 1 : CHUNK;
    for (let start = 0; start < orders.length; start += size) {
      const chunk = orders.slice(start, start + size);
      const args: (string | number)[] = [...head];
      if (tail !== undefined) for (const order of chunk) args.push(...tail(order));
      const keys = chunk.map((order) => this.#key(order.orderId));
      calls.push(script.run(this.#connection, keys, args));
    }
    return (await Promise.all(calls)).flat(1);
  }

  #key(orderId: string): string {
    return orderKey(this.#keyPrefix, orderId);
  }
}

/** Random, so that no two leases or tickets are ever equal, across processes and restarts. */
function newToken(): string {
  return randomBytes(12).toString('base64url');
}

function settleArguments(row: Row | null, ttl: TtlTable | null): readonly (string | number)[] {
  if (row === null) return ['', '', ''];
  const milliseconds = ttl === null ? 0 : ttlMilliseconds(ttl, row.status, Math.random());
  return [row.status, row.version ?? '', milliseconds];
}
