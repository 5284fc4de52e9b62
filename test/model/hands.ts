import { isOpen, oneLess, oneMore } from './initiators.ts';
import type { WorkerMode } from './scenario.ts';
import { type Held, IDLE_WORKER, NONE, type State, versionOf, type WorkerState } from './state.ts';
import { type Emit, NAMES, nameOf, type World } from './world.ts';

/** The messages in a worker's hands: delivery, batches, retries, acknowledgements, and how they are lost. */

/** Idle and with messages to take: each single one, and each pair where batches may hold two. */
export function batchesToTake(state: State, { scenario }: World): readonly (readonly number[])[] {
  const ready = state.queue.flatMap((copies, tx) => (copies > 0 ? [tx] : []));
  const singles = ready.map((tx) => [tx]);
  if ((scenario.batch ?? 1) < 2) return singles;
  return singles.concat(
    ready.flatMap((first, index) => ready.slice(index + 1).map((second) => [first, second])),
  );
}

export function taken(state: State, index: number, batch: readonly number[]): State {
  const held = batch.map((tx): Held => ({ tx, stage: 'batch', open: true }));
  const queue = batch.reduce(oneLess, state.queue);
  return withWorker({ ...state, queue }, index, { ...IDLE_WORKER, phase: 'taken', held });
}

/** Stepwise: a message arrives, whatever the worker is doing; it waits for the next batch. */
export function deliverySteps(state: State, index: number, { scenario }: World, emit: Emit): void {
  const worker = workerAt(state, index);
  const open = worker.held.filter((held) => held.open);
  if (open.length >= (scenario.batch ?? 1)) return;
  state.queue.forEach((copies, tx) => {
    if (copies === 0) return;
    const held = [...worker.held, { tx, stage: 'waiting', open: true } as const];
    const next = withWorker(state, index, { ...worker, held });
    emit(nameOf(NAMES.workers, index), 'receive', `event ${tx + 1}`, {
      ...next,
      queue: oneLess(state.queue, tx),
    });
  });
}

/** What waits becomes the batch: events join before `apply` and never after. */
export function batchOfWaiting(worker: WorkerState): WorkerState | undefined {
  if (!worker.held.some(({ stage }) => stage === 'waiting')) return undefined;
  const held = worker.held.map((each) =>
    each.stage === 'waiting' ? ({ ...each, stage: 'batch' } as const) : each,
  );
  return { ...worker, phase: 'taken', held };
}

/** The cache is right for the batch: each event ends, or is retried when the row is behind its version. */
export function judgeSteps(state: State, index: number, world: World, what: string, told: Told): void {
  const worker = workerAt(state, index);
  const mode = world.scenario.workers[index];
  const joined = (held: Held) =>
    held.stage === 'batch' || (!world.fences.has('late joiners') && held.stage === 'waiting');
  const behind = worker.held.filter((held) => joined(held) && isBehind(state, worker, held, mode, world));
  const judged = (retried: readonly Held[]) => ended(state, index, joined, retried, world);
  const result = behind.length > 0 ? `${told.result}, RowBehind` : told.result;
  emitJudged(told, what, result, judged(behind));
  const last = behind.filter(({ tx }) => (worker.overAtRead & (1 << tx)) !== 0);
  if (last.length > 0)
    emitJudged(
      told,
      what,
      `${told.result}, last attempt`,
      judged(behind.filter((held) => !last.includes(held))),
    );
}

export interface Told {
  readonly emit: Emit;
  readonly who: string;
  readonly result: string;
  readonly violation: string | undefined;
}

function emitJudged(told: Told, what: string, result: string, { next, violation }: Judged): void {
  told.emit(told.who, what, result, next, told.violation ?? violation);
}

/**
 * Which of the batch's transactions are over: a transaction is not open longer than the retries last, so the last
 * attempt for its event reads the row after that.
 */
export function overNow(state: State, worker: WorkerState): number {
  return worker.held
    .filter(({ tx, stage }) => stage === 'batch' && !isOpen(state.phases[tx]))
    .reduce((bits, { tx }) => bits | (1 << tx), 0);
}

function isBehind(
  state: State,
  worker: WorkerState,
  { tx }: Held,
  mode: WorkerMode | undefined,
  { scenario, fences }: World,
): boolean {
  const event = state.events[tx];
  const awaited = scenario.negativeEntries === true && fences.has('wait for the missing row');
  if (!event || mode === undefined || mode.database === 'none') return false;
  const wanted = versionOf(event, mode.source);
  if (worker.row === null && mode.database === 'Worker') return true;
  if (worker.row === null) return awaited && wanted !== NONE;
  const present = versionOf(worker.row, mode.source);
  return fences.has('wait for the row') && wanted !== NONE && present !== NONE && present < wanted;
}

interface Judged {
  readonly next: State;
  readonly violation?: string | undefined;
}

function ended(
  state: State,
  index: number,
  joined: (held: Held) => boolean,
  retried: readonly Held[],
  { scenario, fences }: World,
): Judged {
  const worker = workerAt(state, index);
  if (!scenario.stepwise) {
    const copies = retried.filter(({ open }) => open).map(({ tx }) => tx);
    return { next: withWorker({ ...state, queue: copies.reduce(oneMore, state.queue) }, index, IDLE_WORKER) };
  }
  const stray = worker.held.some((held) => joined(held) && !held.open && !retried.includes(held));
  const held = worker.held
    .filter((each) => each.open || !joined(each))
    .map((each) =>
      joined(each)
        ? { ...each, stage: retried.includes(each) ? ('retry' as const) : ('done' as const) }
        : each,
    );
  const next = withWorker(state, index, { ...IDLE_WORKER, held });
  return stray && !fences.has('channel identity') ? acknowledgedElsewhere(next, index) : { next };
}

/** The tag of a closed channel, on the one that was opened after it, is another message. */
function acknowledgedElsewhere(state: State, index: number): Judged {
  const worker = workerAt(state, index);
  const [first, ...others] = worker.held;
  if (first === undefined) return { next: state };
  return { next: withWorker(state, index, { ...worker, held: others }), violation: withoutEffect([first]) };
}

/** Stepwise: a copy of a message is confirmed by the retry queue; what has ended is acknowledged. */
export function completionSteps(state: State, index: number, { fences }: World, emit: Emit): void {
  const worker = workerAt(state, index);
  const who = nameOf(NAMES.workers, index);
  worker.held.forEach((held, position) => {
    if (held.stage !== 'retry') return;
    const done = { ...worker, held: worker.held.with(position, { ...held, stage: 'done' }) };
    const queue = oneMore(state.queue, held.tx);
    emit(who, 'retry', `event ${held.tx + 1}`, withWorker({ ...state, queue }, index, done));
  });
  const open = worker.held.filter((held) => held.open);
  const pending = open.findIndex(({ stage }) => stage !== 'done');
  const prefix = fences.has('contiguous prefix')
    ? pending === -1
      ? open.length
      : pending
    : open.findLastIndex(({ stage }) => stage === 'done') + 1;
  if (prefix === 0) return;
  const gone = open.slice(0, prefix);
  const held = worker.held.filter((each) => !gone.includes(each));
  emit(
    who,
    'acknowledge',
    gone.map(({ tx }) => `event ${tx + 1}`).join(', '),
    withWorker(state, index, { ...worker, held }),
    withoutEffect(gone),
  );
}

function withoutEffect(gone: readonly Held[]): string | undefined {
  const early = gone.some(({ stage }) => stage !== 'done');
  return early ? 'C5: acknowledged before its effect' : undefined;
}

/** The worker is killed, or loses its channel and does not know it yet. */
export function lossSteps(state: State, index: number, { scenario, fences }: World, emit: Emit): void {
  const worker = workerAt(state, index);
  const who = nameOf(NAMES.workers, index);
  const returned = worker.held.filter(({ open }) => open).map(({ tx }) => tx);
  const acknowledged = !fences.has('ack before effect');
  const queue = acknowledged ? state.queue : returned.reduce(oneMore, state.queue);
  if (scenario.faults.crash && worker !== IDLE_WORKER && (worker.phase !== 'idle' || worker.held.length > 0))
    emit(who, 'crash', '', withWorker({ ...state, queue }, index, IDLE_WORKER));
  if (!scenario.faults.cut || returned.length === 0) return;
  const held = worker.held.filter((each) => each.stage === 'batch').map((each) => ({ ...each, open: false }));
  emit(who, 'lose the channel', '', withWorker({ ...state, queue }, index, { ...worker, held }));
}

export function workerAt(state: State, index: number): WorkerState {
  return state.workers[index] ?? IDLE_WORKER;
}

export function withWorker(state: State, index: number, worker: WorkerState): State {
  return { ...state, workers: state.workers.with(index, worker) };
}
