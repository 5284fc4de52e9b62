import { freshToken, IDLE_READER, NO_TOKEN, type ReaderState, type State } from './state.ts';
import { choices, type Emit, NAMES, nameOf, olderRow, type World, withEntry } from './world.ts';

/** Readers that have missed: lease, database read, fill. What else they do leaves no trace in the cache. */
export function readerSteps(state: State, world: World, emit: Emit): void {
  state.readers.forEach((reader, index) => {
    const who = nameOf(NAMES.readers, index);
    if (reader.phase === 'idle') {
      if (world.fences.has('row read after lease')) leaseStep(state, index, who, world, emit);
      else emit(who, 'load', 'before the lease', loaded(state, index, reader));
    } else if (reader.phase === 'leased') {
      emit(who, 'load', '', loaded(state, index, reader));
    } else if (reader.token === NO_TOKEN) {
      leaseStep(state, index, who, world, emit);
    } else {
      fillSteps(state, index, who, world, emit);
    }
    if (reader.phase !== 'idle' && world.scenario.faults.readerFails) {
      emit(who, 'die', '', withReader(state, index, IDLE_READER));
      emitRelease(state, index, who, world, emit);
    }
  });
}

function leaseStep(state: State, index: number, who: string, world: World, emit: Emit): void {
  if (state.entry !== null && !world.idleSteps) return;
  const token = freshToken(state);
  for (const oom of choices(world.scenario.faults.oom)) {
    const { entry, result } = world.scripts.lease(state.entry, token, oom);
    const reader = state.readers[index] ?? IDLE_READER;
    const phase = reader.phase === 'loaded' ? 'loaded' : 'leased';
    const next =
      result === 'granted'
        ? withReader(withEntry(state, entry), index, { ...reader, phase, token })
        : withReader(state, index, IDLE_READER);
    if (next !== state) emit(who, 'lease', result, next);
  }
}

function fillSteps(state: State, index: number, who: string, world: World, emit: Emit): void {
  const { scenario } = world;
  const { row } = state.readers[index] ?? IDLE_READER;
  const column = scenario.readers[index] ?? 1;
  const remembered = row !== null || scenario.negativeEntries;
  if (!remembered || scenario.faults.tableFlaps) emitRelease(state, index, who, world, emit);
  if (!remembered) return;
  for (const oom of choices(scenario.faults.oom)) {
    for (const source of row === null ? [0] : (scenario.labels ?? [column])) {
      emitFill(state, index, who, { column, source, oom }, world, emit);
    }
  }
}

interface FillChoice {
  readonly column: number;
  readonly source: number;
  readonly oom: boolean;
}

function emitFill(
  state: State,
  index: number,
  who: string,
  { column, source, oom }: FillChoice,
  { scripts, scenario }: World,
  emit: Emit,
): void {
  const { token, row, overtaken } = state.readers[index] ?? IDLE_READER;
  const { entry, result } =
    row === null
      ? scripts.fillAbsent(state.entry, token, oom)
      : scripts.fill(state.entry, token, { row, column, source }, oom);
  const next = withReader(withEntry(state, entry), index, IDLE_READER);
  const older = olderRow(state, entry);
  const wrote = result === 'filled' || result === 'filledAbsent';
  const late = overtaken && wrote ? 'C4: filled with a row from before an event' : undefined;
  emit(who, 'fill', result, next, late ?? older);
  if (scenario.faults.resent) emit(who, 'fill, sent twice', result, withEntry(state, entry), late ?? older);
}

function emitRelease(state: State, index: number, who: string, { scripts }: World, emit: Emit): void {
  const { token } = state.readers[index] ?? IDLE_READER;
  const { entry, result } = scripts.release(state.entry, token);
  emit(who, 'release', result, withReader(withEntry(state, entry), index, IDLE_READER));
}

function loaded(state: State, index: number, { token }: ReaderState): State {
  return withReader(state, index, { phase: 'loaded', token, row: state.row, overtaken: false });
}

function withReader(state: State, index: number, reader: ReaderState): State {
  if (state.readers[index] === reader) return state;
  return { ...state, readers: state.readers.with(index, reader) };
}
