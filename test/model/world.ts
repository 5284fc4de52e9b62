import type { Fences } from './fence.ts';
import type { Scripts } from './protocol.ts';
import type { Scenario } from './scenario.ts';
import type { Entry, State } from './state.ts';

/** What may happen next: who does what, with which result, and what it breaks. */
export type Emit = (who: string, what: string, result: string, next: State, violation?: string) => void;

export interface World {
  readonly scenario: Scenario;
  readonly fences: Fences;
  readonly scripts: Scripts;
  /** Steps that change nothing are told too. */
  readonly idleSteps: boolean;
}

export const NAMES = {
  workers: ['worker 1', 'worker 2', 'worker 3'],
  readers: ['reader 1', 'reader 2', 'reader 3'],
  initiators: ['initiator 1', 'initiator 2', 'initiator 3', 'initiator 4', 'initiator 5'],
} as const;

export function nameOf(names: readonly string[], index: number): string {
  return names[index] ?? `${index}`;
}

/** The key after a script of somebody who may write records from rows. */
export function withEntry(state: State, entry: Entry | null): State {
  if (entry === state.entry) return state;
  const newest = entry?.kind === 'record' && entry.seq > state.newest ? entry.seq : state.newest;
  return { ...state, entry, newest };
}

/** C2: the cache never goes back to an older row, neither at once nor by way of being absent. */
export function olderRow(state: State, entry: Entry | null): string | undefined {
  if (entry === state.entry || entry?.kind !== 'record' || entry.seq >= state.newest) return undefined;
  return 'C2: a newer row was in the cache before';
}

/** C3: what a worker or a catch-up does for an order that is not in the cache leaves it so. */
export function created(state: State, entry: Entry | null): string | undefined {
  if (entry?.kind !== 'record' || state.entry?.kind === 'record') return undefined;
  return 'C3: a record was created for an order that was absent';
}

/** Readers that have read a row which is not the database's any more when an event is applied. */
export function overtaking(state: State): State {
  const stale = ({ phase, row, overtaken }: State['readers'][number]) =>
    phase === 'loaded' && !overtaken && (row?.seq ?? -1) < state.seq && row !== state.row;
  if (!state.readers.some(stale)) return state;
  return {
    ...state,
    readers: state.readers.map((reader) => (stale(reader) ? { ...reader, overtaken: true } : reader)),
  };
}

/** Also without the memory, or without the TTL table, where the scenario says that this happens. */
export function choices(possible: boolean | undefined): readonly boolean[] {
  return possible ? BOTH : NEVER;
}
const BOTH = [false, true] as const;
const NEVER = [false] as const;
