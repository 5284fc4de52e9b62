import type { Scenario } from './scenario.ts';
import { ABSENT_WORD, type Entry, type Row, type State, type WorkerState } from './state.ts';

const PHASES = { idle: 0, written: 1, published: 2, committed: 3, over: 4 } as const;
const WORKER_PHASES = { idle: 0, taken: 1, written: 2, applied: 3, read: 4 } as const;
const READER_PHASES = { idle: 0, leased: 1, loaded: 2 } as const;
const STAGES = { waiting: 0, batch: 1, retry: 2, done: 3 } as const;
const APPLIED = { absent: 1, voided: 2, dropped: 3, unchanged: 4, marked: 5 } as const;

/** Bytes of one worker: it holds at most six messages. */
const WORKER_SIZE = 16;

/**
 * A state as bytes, the same for states that differ only in names: of a token it matters only whether the key or its
 * replica has it, and workers of one kind, and readers of one kind, can be exchanged.
 */
export class Encoding {
  readonly bytes = new Uint8Array(256);
  #length = 0;
  readonly #alikeWorkers: boolean;
  readonly #alikeReaders: boolean;

  constructor({ workers, readers }: Scenario) {
    this.#alikeWorkers = workers.every((mode) => JSON.stringify(mode) === JSON.stringify(workers[0]));
    this.#alikeReaders = readers.every((column) => column === readers[0]);
  }

  /** Fills `bytes`; gives how many there are. */
  encode(state: State): number {
    this.#length = 0;
    this.#entry(state.entry);
    this.#entry(state.replica === state.entry ? null : state.replica);
    this.#put(state.replica === state.entry ? 1 : 0, state.newest, state.seq);
    this.#row(state.row);
    this.#put(state.pending === null ? 0 : state.pending.tx + 1);
    this.#row(state.pending?.row ?? null);
    for (const phase of state.phases) this.#put(PHASES[phase]);
    for (const event of state.events) this.#put((event?.version ?? -2) + 2);
    for (const copies of state.queue) this.#put(copies);
    const { due, phase, ticket, row } = state.catchUp;
    this.#put((due ? 8 : 0) + WORKER_PHASES[phase], relation(state, ticket));
    this.#row(row);
    this.#workers(state);
    this.#readers(state);
    return this.#length;
  }

  #workers(state: State): void {
    const start = this.#length;
    for (const worker of state.workers) this.#worker(state, worker);
    if (this.#alikeWorkers) sortParts(this.bytes, start, this.#length, WORKER_SIZE);
  }

  #worker(state: State, { phase, held, ticket, applied, row, overAtRead }: WorkerState): void {
    const end = this.#length + WORKER_SIZE;
    this.#put(
      WORKER_PHASES[phase],
      relation(state, ticket),
      applied === null ? 0 : APPLIED[applied],
      overAtRead,
    );
    this.#row(row);
    for (const { tx, stage, open } of held) this.#put(1 + tx * 8 + STAGES[stage] * 2 + (open ? 1 : 0));
    if (this.#length > end)
      throw new RangeError('a worker holds more messages than its encoding has room for');
    this.bytes.fill(0, this.#length, end);
    this.#length = end;
  }

  #readers(state: State): void {
    const start = this.#length;
    for (const { phase, token, row, overtaken } of state.readers) {
      this.#put(READER_PHASES[phase] + (overtaken ? 8 : 0), relation(state, token));
      this.#row(row);
    }
    if (this.#alikeReaders) sortParts(this.bytes, start, this.#length, 2 + ROW_SIZE);
  }

  #entry(entry: Entry | null): void {
    if (entry === null) this.#put(0);
    else if (entry.kind === 'placeholder') this.#put(entry.lease === ABSENT_WORD ? 1 : 2);
    else {
      const { status, version, source, seq } = entry;
      this.#put(3, status.charCodeAt(0), version + 1, source, seq);
    }
  }

  #row(row: Row | null): void {
    if (row === null) this.#put(0, 0, 0, 0);
    else this.#put(row.status.charCodeAt(0), row.version + 1, row.other + 1, row.seq);
  }

  #put(...values: readonly number[]): void {
    for (const value of values) this.bytes[this.#length++] = value;
  }
}

const ROW_SIZE = 4;

/** What matters of a token: none, worthless, or the one in the key, in its replica, or in both. */
function relation({ entry, replica }: State, token: number): number {
  if (token === 0) return 0;
  return 1 + (tokenOf(entry) === token ? 1 : 0) + (tokenOf(replica) === token ? 2 : 0);
}

function tokenOf(entry: Entry | null): number {
  if (entry === null) return 0;
  return entry.kind === 'record' ? entry.ticket : entry.lease;
}

/** Exchanges neighbouring parts until they are in order; there are two or three. */
function sortParts(bytes: Uint8Array, start: number, end: number, size: number): void {
  for (let last = end - size; last > start; last -= size) {
    for (let at = start; at < last; at += size) {
      if (isOrdered(bytes, at, size)) continue;
      const part = bytes.slice(at, at + size);
      bytes.copyWithin(at, at + size, at + 2 * size);
      bytes.set(part, at + size);
    }
  }
}

function isOrdered(bytes: Uint8Array, at: number, size: number): boolean {
  for (let i = at; i < at + size; i++) {
    const difference = (bytes[i] ?? 0) - (bytes[i + size] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}
