import type { ApplyOutcome, FillOutcome, LeaseOutcome, SettleOutcome } from '../../cache/order-cache.ts';
import type { CachedRecord, Row, VersionedRow } from '../../cache/record.ts';

/** What a key holds: a record, with the ticket of a worker or without, or a placeholder (lease `absent`: a negative entry). */
export type Entry =
  | { readonly kind: 'record'; readonly record: CachedRecord; readonly ticket: string | null }
  | { readonly kind: 'placeholder'; readonly lease: string };

type Unsettled<T> = T extends { readonly token: string } ? Omit<T, 'token'> : T;

/** The protocol of the record in memory, written from its description and not from the scripts. */
export class CacheTwin {
  readonly entries = new Map<string, Entry>();
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  lease(orderId: string, token: string): Unsettled<LeaseOutcome> {
    const entry = this.entries.get(orderId);
    if (entry?.kind === 'record') return { kind: 'found', record: entry.record };
    if (entry?.kind === 'placeholder') return { kind: entry.lease === 'absent' ? 'knownAbsent' : 'held' };
    this.entries.set(orderId, { kind: 'placeholder', lease: token });
    return { kind: 'granted' };
  }

  fill(orderId: string, token: string, row: Row | null): FillOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind !== 'placeholder' || entry.lease !== token) return { kind: 'fenced' };
    if (row === null) {
      this.entries.delete(orderId);
      return { kind: 'released' };
    }
    this.#write(orderId, row);
    return { kind: 'filled' };
  }

  fillAbsent(orderId: string, token: string): FillOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind !== 'placeholder' || entry.lease !== token) return { kind: 'fenced' };
    this.entries.set(orderId, { kind: 'placeholder', lease: 'absent' });
    return { kind: 'filledAbsent' };
  }

  mark(orderId: string, ticket: string): ApplyOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind !== 'record') return this.#void(orderId);
    this.entries.set(orderId, { ...entry, ticket });
    return { kind: 'marked' };
  }

  drop(orderId: string, expected: VersionedRow | null): ApplyOutcome {
    const entry = this.entries.get(orderId);
    if (entry?.kind !== 'record') return this.#void(orderId);
    const { status, version, source } = entry.record;
    if (expected?.status === status && expected.version === version && source === this.#source) {
      return { kind: 'unchanged' };
    }
    this.entries.delete(orderId);
    return { kind: 'dropped' };
  }

  settle(orderId: string, ticket: string, row: Row | null, mayWrite: boolean): SettleOutcome {
    const entry = this.entries.get(orderId);
    if (entry === undefined) return { kind: 'absent' };
    if (entry.kind === 'record' && row !== null) {
      if (this.#equals(entry.record, row)) {
        this.entries.set(orderId, { ...entry, ticket: entry.ticket === ticket ? null : entry.ticket });
        return { kind: 'unchanged' };
      }
      if (entry.ticket === ticket && mayWrite) {
        this.#write(orderId, row);
        return { kind: 'updated' };
      }
    }
    this.entries.delete(orderId);
    if (entry.kind === 'record' && row === null) return { kind: 'dropped', because: 'NoRow' };
    const stands = entry.kind === 'record' && entry.ticket === ticket;
    return { kind: 'dropped', because: stands ? 'NoTtlTable' : 'Fenced' };
  }

  expire(orderId: string): void {
    this.entries.delete(orderId);
  }

  #void(orderId: string): ApplyOutcome {
    return this.entries.delete(orderId) ? { kind: 'voided' } : { kind: 'absent' };
  }

  #write(orderId: string, { status, version }: Row): void {
    const source = version === null ? null : this.#source;
    this.entries.set(orderId, { kind: 'record', record: { status, version, source }, ticket: null });
  }

  #equals(record: CachedRecord, row: Row): boolean {
    const source = row.version === null ? null : this.#source;
    return record.status === row.status && record.version === row.version && record.source === source;
  }
}
