import {
  batchesToTake,
  batchOfWaiting,
  completionSteps,
  deliverySteps,
  judgeSteps,
  lossSteps,
  overNow,
  taken,
  withWorker,
  workerAt,
} from './hands.ts';
import { oneLess } from './initiators.ts';
import type { Applied, Expected } from './protocol.ts';
import type { WorkerMode } from './scenario.ts';
import {
  freshToken,
  NONE,
  type OrderEvent,
  type Row,
  type State,
  versionOf,
  type WorkerState,
} from './state.ts';
import {
  choices,
  created,
  type Emit,
  NAMES,
  nameOf,
  olderRow,
  overtaking,
  type World,
  withEntry,
} from './world.ts';

/** Workers: take a batch, write the row if that is theirs to do, apply, read the row, settle, judge. */
export function workerSteps(state: State, world: World, emit: Emit): void {
  world.scenario.workers.forEach((mode, index) => {
    const worker = workerAt(state, index);
    if (world.scenario.stepwise) {
      deliverySteps(state, index, world, emit);
      completionSteps(state, index, world, emit);
    }
    if (worker.phase === 'idle') takeSteps(state, index, mode, world, emit);
    else nextStep(state, index, mode, world, emit);
    lossSteps(state, index, world, emit);
    if (world.scenario.faults.outage && (worker.phase === 'applied' || worker.phase === 'read')) {
      const again = { ...worker, phase: 'taken', row: null, overAtRead: 0 } as const;
      emit(nameOf(NAMES.workers, index), 'begin again', 'after an outage', withWorker(state, index, again));
    }
  });
}

function takeSteps(state: State, index: number, mode: WorkerMode, world: World, emit: Emit): void {
  if (world.scenario.stepwise) {
    const worker = batchOfWaiting(workerAt(state, index));
    if (worker !== undefined) nextStep(withWorker(state, index, worker), index, mode, world, emit);
    return;
  }
  for (const batch of batchesToTake(state, world)) {
    const [first = 0] = batch;
    if (batch.length === 1 && isAhead(state, first, mode, world)) {
      const next = { ...state, queue: oneLess(state.queue, first) };
      emit(nameOf(NAMES.workers, index), 'dead-letter', 'TimestampAhead', next);
    } else if (!batch.some((tx) => isAhead(state, tx, mode, world))) {
      nextStep(taken(state, index, batch), index, mode, world, emit);
    }
  }
}

/** `writer: Worker` by timestamp: a stamp beyond the declared skew would win for as long. */
function isAhead(state: State, tx: number, mode: WorkerMode, { scenario, fences }: World): boolean {
  const stamp = state.events[tx]?.version ?? NONE;
  return (
    fences.has('skew') &&
    mode.database === 'Worker' &&
    mode.guard === 'timestamp' &&
    stamp > (scenario.latestStamp ?? stamp)
  );
}

function nextStep(state: State, index: number, mode: WorkerMode, world: World, emit: Emit): void {
  const { phase } = workerAt(state, index);
  const early = !world.fences.has('row read after apply');
  if (phase === 'read') settleSteps(state, index, mode, world, emit);
  else if (phase === 'applied') readStep(state, index, 'read', emit);
  else if (phase === 'taken' && mode.database === 'Worker') writeSteps(state, index, mode, world, emit);
  else if (phase === 'taken' && early) readStep(state, index, 'written', emit);
  else applySteps(state, index, mode, world, emit);
}

/** One guarded statement for the newest of the batch. It waits for whoever has locked the row, or gives up on it. */
function writeSteps(state: State, index: number, mode: WorkerMode, { fences }: World, emit: Emit): void {
  const who = nameOf(NAMES.workers, index);
  const worker = { ...workerAt(state, index), phase: 'written' } as const;
  if (state.pending !== null) {
    emit(who, 'write the row', 'locked', withWorker(state, index, worker));
    return;
  }
  const newest = eventsOf(state, index).reduce((a, b) => (isLower(a, b, mode, true) ? b : a));
  const { row, seq } = state;
  const tie = fences.has('tie');
  const writes = row !== null && (!fences.has('guarded SQL') || isLower(row, newest, mode, tie));
  const written: Row | null = writes ? { ...row, ...changeOf(newest, mode), seq: seq + 1 } : row;
  const next = writes ? { ...state, row: written, seq: seq + 1 } : state;
  const result = writes ? 'written' : 'not newer';
  emit(who, 'write the row', result, withWorker(next, index, { ...worker, row: written }));
}

function changeOf(event: OrderEvent, { source }: WorkerMode) {
  const { status } = event;
  return source === 2 ? { status, other: event.other } : { status, version: event.version };
}

/** By timestamp, the greater status is the newer one of two at the same time. */
function isLower(a: OrderEvent, b: OrderEvent, { source, guard }: WorkerMode, tie: boolean): boolean {
  const [lower, higher] = [versionOf(a, source), versionOf(b, source)];
  if (lower !== higher || !tie || guard === 'version') return lower < higher;
  return a.status < b.status;
}

function applySteps(state: State, index: number, mode: WorkerMode, world: World, emit: Emit): void {
  const { faults } = world.scenario;
  for (const noTable of choices(faults.tableFlaps)) {
    const marking = mode.strategy === 'WriteThrough' && !noTable;
    for (const oom of choices(faults.oom && marking)) {
      const ticket = freshToken(state);
      const { entry, result } = marking
        ? world.scripts.mark(state.entry, ticket, oom)
        : world.scripts.drop(state.entry, expectedOf(state, index, mode), mode.source);
      const violation = created(state, entry) ?? olderRow(state, entry);
      const worker = { ...workerAt(state, index), phase: 'applied', ticket, applied: result } as const;
      const next = withWorker(overtaking(withEntry(state, entry)), index, worker);
      emitApplied(next, index, mode, world, { emit, result, marking, violation });
    }
  }
}

interface AppliedTold {
  readonly emit: Emit;
  readonly result: Applied;
  readonly marking: boolean;
  readonly violation: string | undefined;
}

function emitApplied(state: State, index: number, mode: WorkerMode, world: World, told: AppliedTold): void {
  const who = nameOf(NAMES.workers, index);
  const { emit, result, marking, violation } = told;
  const what = marking ? 'apply (mark)' : 'apply (drop)';
  if (!mustSettle(state, index, mode, world)) {
    judgeSteps(state, index, world, what, { emit, who, result, violation });
    return;
  }
  const worker = workerAt(state, index);
  const phase = world.fences.has('row read after apply') ? 'applied' : 'read';
  emit(who, what, result, withWorker(state, index, { ...worker, phase }), violation);
}

function mustSettle(state: State, index: number, mode: WorkerMode, { fences }: World): boolean {
  if (mode.database === 'none') return false;
  const { applied } = workerAt(state, index);
  if (applied === 'marked') return true;
  const versioned = eventsOf(state, index).some((event) => versionOf(event, mode.source) !== NONE);
  return fences.has('settle of the absent') && (versioned || mode.database === 'Worker');
}

/** What the row says where the worker has written it; else what all the events in hand say. */
function expectedOf(state: State, index: number, { source, database }: WorkerMode): Expected | null {
  const { row } = workerAt(state, index);
  if (row !== null && database === 'Worker') return { version: versionOf(row, source), status: row.status };
  const [first, ...others] = eventsOf(state, index);
  if (first === undefined || source === 0) return null;
  const version = versionOf(first, source);
  const agree = others.every((each) => versionOf(each, source) === version && each.status === first.status);
  return agree && version !== NONE ? { version, status: first.status } : null;
}

function readStep(state: State, index: number, phase: WorkerState['phase'], emit: Emit): void {
  const before = workerAt(state, index);
  const worker = { ...before, phase, row: state.row, overAtRead: overNow(state, before) };
  emit(nameOf(NAMES.workers, index), 'read the row', '', withWorker(state, index, worker));
}

function settleSteps(state: State, index: number, mode: WorkerMode, world: World, emit: Emit): void {
  const { faults } = world.scenario;
  const { ticket, row } = workerAt(state, index);
  const who = nameOf(NAMES.workers, index);
  for (const noTable of choices(faults.tableFlaps)) {
    for (const oom of choices(faults.oom)) {
      const settling = { row, source: mode.source, mayWrite: !noTable };
      const { entry, result } = world.scripts.settle(state.entry, ticket, settling, oom);
      const violation = created(state, entry) ?? olderRow(state, entry);
      const next = withEntry(state, entry);
      judgeSteps(next, index, world, 'settle', { emit, who, result, violation });
      if (faults.resent && next !== state) emit(who, 'settle, sent twice', result, next, violation);
    }
  }
}

function eventsOf(state: State, index: number): OrderEvent[] {
  return workerAt(state, index).held.flatMap(({ tx, stage }) => {
    const event = state.events[tx];
    return stage === 'batch' && event ? [event] : [];
  });
}
