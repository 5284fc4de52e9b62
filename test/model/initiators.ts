import type { Transaction } from './scenario.ts';
import { NONE, type OrderEvent, type Phase, type Row, type State } from './state.ts';
import { type Emit, NAMES, nameOf, type World } from './world.ts';

/** MES and CRM: each transaction writes its row, commits or rolls back, and publishes before or after that. */
export function initiatorSteps(state: State, { scenario }: World, emit: Emit): void {
  scenario.transactions.forEach((transaction, tx) => {
    const phase = state.phases[tx];
    const who = nameOf(NAMES.initiators, tx);
    if (phase === 'idle') begin(state, transaction, tx, who, emit);
    if (phase === 'written') {
      if (transaction.publish !== 'after')
        emit(who, 'publish', 'before commit', published(state, tx, 'published'));
      if (transaction.publish !== 'before') emit(who, 'commit', '', committed(state, tx, 'committed'));
    }
    if (phase === 'published') emit(who, 'commit', '', committed(state, tx, 'over'));
    if (phase === 'committed') emit(who, 'publish', 'after commit', published(state, tx, 'over'));
    if ((phase === 'written' || phase === 'published') && transaction.mayRollBack) {
      emit(who, 'roll back', '', { ...withPhase(state, tx, 'over'), pending: null });
    }
  });
}

/** Somebody has begun and not ended: the streams are not quiet. */
export function isOpen(phase: Phase | undefined): boolean {
  return phase === 'written' || phase === 'published' || phase === 'committed';
}

/** Writing a row takes its lock, until the end of the transaction. */
function begin(state: State, transaction: Transaction, tx: number, who: string, emit: Emit): void {
  const { does, follows } = transaction;
  if (follows !== undefined && state.phases[follows] !== 'over') return;
  if (does === 'tell') emit(who, 'publish', '', told(state, transaction, tx));
  if (does === 'tell' || state.pending !== null || (does === 'insert') !== (state.row === null)) return;
  const row = rowOf(state, transaction);
  const event: OrderEvent = {
    status: row.status,
    version: transaction.versioned === false ? NONE : row.version,
    other: transaction.versioned === false ? NONE : row.other,
  };
  const next = withPhase(state, tx, 'written');
  const events = next.events.with(tx, event);
  emit(who, `${does} the row`, '', {
    ...next,
    events,
    pending: { tx, row: does === 'delete' ? null : row },
  });
}

function rowOf({ row, seq }: State, { status, version, other = NONE }: Transaction): Row {
  return {
    status,
    version: version === 'counter' ? Math.max(row?.version ?? 0, 0) + 1 : version,
    other,
    seq: seq + 1,
  };
}

function told(state: State, { status, version, other = NONE }: Transaction, tx: number): State {
  const event = { status, version: version === 'counter' ? NONE : version, other };
  return published({ ...state, events: state.events.with(tx, event) }, tx, 'over');
}

function published(state: State, tx: number, phase: Phase): State {
  return { ...withPhase(state, tx, phase), queue: oneMore(state.queue, tx) };
}

function committed(state: State, tx: number, phase: Phase): State {
  const { pending, seq } = state;
  if (pending === null) return state;
  return { ...withPhase(state, tx, phase), row: pending.row, seq: seq + 1, pending: null };
}

function withPhase(state: State, tx: number, phase: Phase): State {
  return { ...state, phases: state.phases.with(tx, phase) };
}

/** Two copies of a message stand for any number: what two cannot break, three cannot either. */
export function oneMore(queue: readonly number[], tx: number): readonly number[] {
  return queue.with(tx, Math.min((queue[tx] ?? 0) + 1, 2));
}

export function oneLess(queue: readonly number[], tx: number): readonly number[] {
  return queue.with(tx, Math.max((queue[tx] ?? 0) - 1, 0));
}
