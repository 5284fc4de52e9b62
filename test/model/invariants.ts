import { fences as allFences } from './fence.ts';
import { isOpen } from './initiators.ts';
import { scripts } from './protocol.ts';
import type { Scenario, WorkerMode } from './scenario.ts';
import { ABSENT_WORD, type Entry, IDLE_WORKER, type Row, type State, versionOf } from './state.ts';
import type { World } from './world.ts';

const NOTHING: readonly string[] = [];

/** What a state breaks. C2 to C5 are broken by steps; see the actors. */
export function brokenBy(state: State, world: World): readonly string[] {
  if (!isQuiet(state)) return NOTHING;
  const { scenario } = world;
  const broken = [staleEntry(state, scenario), wrongWinner(state, scenario), frozen(state, world)];
  return broken.filter((each) => each !== null);
}

/** No transaction is open, no event is under way and nobody is at work but readers. */
export function isQuiet({ phases, queue, workers, catchUp }: State): boolean {
  return (
    !phases.some(isOpen) &&
    queue.every((copies) => copies === 0) &&
    workers.every(({ phase, held }) => phase === 'idle' && held.length === 0) &&
    catchUp.phase === 'idle' &&
    !catchUp.due
  );
}

function staleEntry({ entry, row }: State, scenario: Scenario): string | null {
  if (entry?.kind === 'record' && !equals(entry, row, scenario)) {
    return 'C1: the streams are quiet and the record differs from the row';
  }
  if (entry?.kind === 'placeholder' && entry.lease === ABSENT_WORD && row !== null) {
    return 'C1: the streams are quiet and a negative entry denies the row';
  }
  return null;
}

/** Where a version may bear the name of another column's, only the status counts. */
function equals(entry: Extract<Entry, { kind: 'record' }>, row: Row | null, { labels }: Scenario): boolean {
  if (row === null || entry.status !== row.status) return false;
  return labels !== undefined || entry.source === 0 || entry.version === versionOf(row, entry.source);
}

/** Whatever the order of arrival, the row is what the greatest event says: by version or stamp, then by status. */
function wrongWinner({ row, phases }: State, scenario: Scenario): string | null {
  if (!scenario.greatestWins || row === null || scenario.row === null) return null;
  const told = scenario.transactions.filter((_, tx) => phases[tx] === 'over').map(stampOf);
  const allowed = told.filter(({ version }) => version <= (scenario.latestStamp ?? version));
  const greatest = allowed.reduce((a, b) => (isGreater(b, a) ? b : a), scenario.row);
  if (row.status === greatest.status && row.version === greatest.version) return null;
  return 'W9: the row is not what the greatest event says';
}

interface Stamped {
  readonly version: number;
  readonly status: string;
}

function stampOf({ version, status }: Scenario['transactions'][number]): Stamped {
  return { version: version === 'counter' ? 0 : version, status };
}

function isGreater(a: Stamped, b: Stamped): boolean {
  return a.version > b.version || (a.version === b.version && a.status > b.status);
}

/** The next change, whatever its version, must reach the cache; the next event must be able to write the row. */
function frozen(state: State, { scenario, fences }: World): string | null {
  const next: Row = { status: '~', version: 0, other: 0, seq: state.seq + 1 };
  const reached = scenario.workers.every((mode) => {
    const entry = synchronised(state.entry, next, mode, fences);
    return entry === null || (entry.kind === 'record' && entry.status === next.status);
  });
  if (!reached) return 'frozen: the next change does not reach the cache';
  const { next: version } = scenario;
  if (version === undefined || state.row === null || state.row.version < version) return null;
  return 'frozen: the next event cannot write the row';
}

function synchronised(
  entry: Entry | null,
  row: Row,
  { strategy, database, source }: WorkerMode,
  fences = allFences(),
): Entry | null {
  const { mark, drop, settle } = scripts(fences);
  const ticket = 1_000;
  const applied = strategy === 'WriteThrough' ? mark(entry, ticket, false) : drop(entry, null, source);
  if (database === 'none') return applied.entry;
  return settle(applied.entry, ticket, { row, source, mayWrite: true }, false).entry;
}

export function initialState(scenario: Scenario): State {
  const { row: given, cached, transactions } = scenario;
  const row = given && { other: -1, ...given, seq: 1 };
  const column = scenario.readers[0] ?? 1;
  const entry =
    row && cached
      ? scripts(allFences()).fill(
          { kind: 'placeholder', lease: 1 },
          1,
          { row, column, source: column },
          false,
        ).entry
      : null;
  return {
    entry,
    replica: entry,
    newest: entry === null ? 0 : 1,
    row,
    seq: 1,
    pending: null,
    phases: transactions.map(() => 'idle' as const),
    events: transactions.map(() => null),
    queue: transactions.map(() => 0),
    workers: scenario.workers.map(() => IDLE_WORKER),
    readers: scenario.readers.map(() => ({ phase: 'idle', token: 0, row: null, overtaken: false }) as const),
    catchUp: { due: false, phase: 'idle', ticket: 0, row: null },
  };
}
