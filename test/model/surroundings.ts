import { isOpen, oneLess, oneMore } from './initiators.ts';
import { type CatchUpState, freshToken, IDLE_CATCH_UP, type State } from './state.ts';
import { choices, created, type Emit, olderRow, overtaking, type World, withEntry } from './world.ts';

/** What happens to Redis and to the broker. */
export function faultSteps(state: State, { scenario, fences }: World, emit: Emit): void {
  const { faults } = scenario;
  if (faults.expiry && state.entry !== null) emit('Redis', 'expire', '', { ...state, entry: null });
  if (faults.failover) {
    if (state.entry !== state.replica) emit('Redis', 'replicate', '', { ...state, replica: state.entry });
    emit('Redis', 'fail over', '', failedOver(state, fences.has('catch-up after failover')));
  }
  state.queue.forEach((copies, tx) => {
    if (faults.duplicates && copies === 1) {
      emit('RabbitMQ', 'duplicate', `event ${tx + 1}`, { ...state, queue: oneMore(state.queue, tx) });
    }
    if (faults.lostEvents && copies > 0 && !isOpen(state.phases[tx])) {
      const due = { ...state.catchUp, due: fences.has('catch-up after failover') };
      emit('RabbitMQ', 'lose', `event ${tx + 1}`, {
        ...state,
        queue: oneLess(state.queue, tx),
        catchUp: due,
      });
    }
  });
}

/** What the replica did not have is lost; what it has may be old. From here on only C1 can be promised. */
function failedOver(state: State, noticed: boolean): State {
  const { replica, catchUp } = state;
  return {
    ...state,
    entry: replica,
    newest: replica?.kind === 'record' ? replica.seq : 0,
    readers: state.readers.map((reader) => (reader.overtaken ? { ...reader, overtaken: false } : reader)),
    catchUp: noticed ? { ...catchUp, due: true } : catchUp,
  };
}

/**
 * The maintenance pod: every key that Redis has through apply, and what that marks through read and settle. Without a
 * database it only drops.
 */
export function catchUpSteps(state: State, world: World, emit: Emit): void {
  const { catchUp } = state;
  if (catchUp.phase === 'idle') {
    if (catchUp.due) applyStep(state, world, emit);
    return;
  }
  if (catchUp.phase === 'applied') {
    emit('catch-up', 'read the row', '', withCatchUp(state, { ...catchUp, phase: 'read', row: state.row }));
  } else {
    settleStep(state, world, emit);
  }
  if (world.scenario.faults.crash)
    emit('catch-up', 'crash', '', withCatchUp(state, { ...IDLE_CATCH_UP, due: true }));
}

function applyStep(state: State, { scenario, scripts }: World, emit: Emit): void {
  if (state.entry === null) {
    emit('catch-up', 'scan', 'not there', withCatchUp(state, IDLE_CATCH_UP));
    return;
  }
  const ticket = freshToken(state);
  const marking = scenario.workers[0]?.database !== 'none';
  const { entry, result } = marking
    ? scripts.mark(state.entry, ticket, false)
    : scripts.drop(state.entry, null, 0);
  const marked: CatchUpState = { due: false, phase: 'applied', ticket, row: null };
  const catchUp = result === 'marked' ? marked : IDLE_CATCH_UP;
  const next = withCatchUp(overtaking(withEntry(state, entry)), catchUp);
  const what = marking ? 'apply (mark)' : 'apply (drop)';
  emit('catch-up', what, result, next, created(state, entry) ?? olderRow(state, entry));
}

/** ReadThrough, or without a TTL table, what differs from its row is dropped. */
function settleStep(state: State, { scenario, scripts }: World, emit: Emit): void {
  const { ticket, row, due } = state.catchUp;
  const [mode] = scenario.workers;
  const writing = mode?.strategy === 'WriteThrough';
  for (const noTable of choices(scenario.faults.tableFlaps && writing)) {
    const settling = { row, source: mode?.source ?? 0, mayWrite: writing && !noTable };
    const { entry, result } = scripts.settle(state.entry, ticket, settling, false);
    const next = withCatchUp(withEntry(state, entry), { ...IDLE_CATCH_UP, due });
    emit('catch-up', 'settle', result, next, created(state, entry) ?? olderRow(state, entry));
  }
}

function withCatchUp(state: State, catchUp: CatchUpState): State {
  return { ...state, catchUp };
}
