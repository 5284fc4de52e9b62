import type {
  ApplyOutcome,
  FillOutcome,
  LeaseOutcome,
  LookOutcome,
  SettleOutcome,
} from '../../cache/order-cache.ts';
import type { CachedRecord, Row, VersionedRow } from '../../cache/record.ts';

/** What a key holds, and how long from the moment it was written. */
export type Entry =
  | {
      readonly kind: 'record';
      readonly record: CachedRecord;
      readonly ticket: string | null;
      readonly lifeMs: number;
      /** Rises with each write of a row: only then `updatedAt` and the TTL are set anew. */
      readonly writes: number;
    }
  /** A reader's lease, or a negative entry. */
  | { readonly kind: 'placeholder'; readonly lease: string; readonly lifeMs: number }
  /** Somebody else's key, which is no hash. */
  | { readonly kind: 'foreign' };

/** How long a record with this status lives at most; null: no record may be written. */
export type Life = ((status: string) => number) | null;

type WithoutToken<T> = T extends { readonly token: string } ? Omit<T, 'token'> : T;

const NEGATIVE = 'absent';

/** The protocol of the record in memory, written from its description and not from the scripts. */
export class Twin {
  readonly entries = new Map<string, Entry>();
  /** False while Redis may not take more memory: what would need some deletes, or is refused. */
  memory = true;
  /** Inside a call that has changed something: Redis refuses it no more memory then, so that it is not half done. */
  #dirty = false;
  #writes = 0;

  /** One call with several orders. */
  call<T>(orders: () => T): T {
    this.#dirty = false;
    const outcomes = orders();
    this.#dirty = false;
    return outcomes;
  }

  look(orderId: string): LookOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind === 'record') return { kind: 'hit', record: entry.record };
    const negative = entry?.kind === 'placeholder' && entry.lease === NEGATIVE;
    return { kind: negative ? 'knownAbsent' : 'miss' };
  }

  lease(orderId: string, token: string, lifeMs: number): WithoutToken<LeaseOutcome> {
    const entry = this.entries.get(orderId);
    if (entry?.kind === 'record') return { kind: 'found', record: entry.record };
    if (entry?.kind === 'placeholder') return { kind: entry.lease === NEGATIVE ? 'knownAbsent' : 'held' };
    if (entry?.kind === 'foreign' || !this.memory) return { kind: 'refused' };
    this.entries.set(orderId, { kind: 'placeholder', lease: token, lifeMs });
    return { kind: 'granted' };
  }

  fill(
    orderId: string,
    token: string,
    row: Row,
    source: string | null,
    life: NonNullable<Life>,
  ): FillOutcome {
    if (!this.#leased(orderId, token)) return { kind: 'fenced' };
    const filled = this.call(() => this.#write(orderId, row, source, life));
    return filled ? { kind: 'filled' } : this.#outOfMemory(orderId);
  }

  fillAbsent(orderId: string, token: string, lifeMs: number): FillOutcome {
    if (!this.#leased(orderId, token)) return { kind: 'fenced' };
    if (!this.memory) return this.#outOfMemory(orderId);
    this.entries.set(orderId, { kind: 'placeholder', lease: NEGATIVE, lifeMs });
    return { kind: 'filledAbsent' };
  }

  release(orderId: string, token: string): FillOutcome {
    if (!this.#leased(orderId, token)) return { kind: 'fenced' };
    this.entries.delete(orderId);
    return { kind: 'released' };
  }

  mark(orderId: string, ticket: string): ApplyOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind !== 'record') return this.#void(orderId);
    if (!this.#hasMemory()) return this.#drop(orderId);
    this.#dirty = true;
    this.entries.set(orderId, { ...entry, ticket });
    return { kind: 'marked' };
  }

  drop(orderId: string, expected: VersionedRow | null, source: string | null): ApplyOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind !== 'record') return this.#void(orderId);
    const { status, version } = entry.record;
    const comparable = source !== null && entry.record.source === source;
    const same = expected?.status === status && expected.version === version;
    return comparable && same ? { kind: 'unchanged' } : this.#drop(orderId);
  }

  settle(orderId: string, ticket: string, row: Row | null, source: string | null, life: Life): SettleOutcome {
    const entry = this.entries.get(orderId);
    if (entry === undefined || entry.kind === 'foreign') return { kind: 'absent' };
    const stands = entry.kind === 'record' && entry.ticket === ticket;
    if (entry.kind === 'record' && row !== null && equals(entry.record, row, source)) {
      if (stands) {
        this.entries.set(orderId, { ...entry, ticket: null });
        this.#dirty = true;
      }
      return { kind: 'unchanged' };
    }
    if (stands && row !== null && life !== null && this.#write(orderId, row, source, life)) {
      return { kind: 'updated' };
    }
    this.#dirty = true;
    this.entries.delete(orderId);
    if (entry.kind === 'record' && row === null) return { kind: 'dropped', because: 'NoRow' };
    if (!stands) return { kind: 'dropped', because: 'Fenced' };
    return { kind: 'dropped', because: life === null ? 'NoTtlTable' : 'OutOfMemory' };
  }

  /** Expiry, eviction, or somebody's DEL. */
  vanish(orderId: string): void {
    this.entries.delete(orderId);
  }

  replaceByForeign(orderId: string): void {
    this.entries.set(orderId, { kind: 'foreign' });
  }

  #hasMemory(): boolean {
    return this.memory || this.#dirty;
  }

  #leased(orderId: string, token: string): boolean {
    const entry = this.entries.get(orderId);
    return entry?.kind === 'placeholder' && entry.lease === token;
  }

  #void(orderId: string): ApplyOutcome {
    if (this.entries.get(orderId)?.kind !== 'placeholder') return { kind: 'absent' };
    this.#dirty = true;
    this.entries.delete(orderId);
    return { kind: 'voided' };
  }

  #drop(orderId: string): ApplyOutcome {
    this.#dirty = true;
    this.entries.delete(orderId);
    return { kind: 'dropped' };
  }

  #outOfMemory(orderId: string): FillOutcome {
    this.entries.delete(orderId);
    return { kind: 'dropped', because: 'OutOfMemory' };
  }

  #write(orderId: string, row: Row, source: string | null, life: NonNullable<Life>): boolean {
    if (!this.#hasMemory()) return false;
    this.#dirty = true;
    const record = { ...row, source: row.version === null ? null : source };
    this.#writes += 1;
    const written = { lifeMs: life(row.status), writes: this.#writes };
    this.entries.set(orderId, { kind: 'record', record, ticket: null, ...written });
    return true;
  }
}

function equals(record: CachedRecord, row: Row, source: string | null): boolean {
  const sameSource = record.source === (row.version === null ? null : source);
  return record.status === row.status && record.version === row.version && sameSource;
}
