import { CATCH_UP_TRIGGERS, type CatchUpReport, type CatchUpTrigger } from '../api/maintenance.ts';
import type { Master, Place } from './redis-place.ts';

/** What asks for a catch-up from outside. Each is an opaque text; empty: nothing does. */
export interface CatchUpRequests {
  readonly requested: string;
  readonly queueLost: string;
}

/** How far a master has been walked. */
export interface Walk extends Master {
  /** For the next SCAN; null: to the end. */
  readonly cursor: string | null;
}

/** What is known of the last catch-up, kept in Redis itself: a kill costs no more than the work of a moment. */
export interface CatchUpState {
  /** The requests that it covers, and those before it. */
  readonly requests: CatchUpRequests;
  readonly trigger: CatchUpTrigger;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Null: it is under way. */
  readonly completedAt: string | null;
  readonly walks: readonly Walk[];
  readonly orders: number;
  readonly updated: number;
  readonly dropped: number;
}

export type Decision =
  | { readonly kind: 'Rest' }
  | { readonly kind: 'Resume'; readonly state: CatchUpState }
  | { readonly kind: 'Begin'; readonly trigger: CatchUpTrigger };

/**
 * @param known the state in Redis; null: there is none
 * @param hadState this process has seen one before: Redis has lost it
 */
export function decideCatchUp(
  known: CatchUpState | null,
  place: Place,
  asked: CatchUpRequests,
  hadState: boolean,
): Decision {
  if (known === null) return { kind: 'Begin', trigger: hadState ? 'RedisChanged' : 'FirstStart' };
  if (!sameProcesses(known.walks, place.masters)) return { kind: 'Begin', trigger: 'RedisChanged' };
  if (isNews(asked.queueLost, known.requests.queueLost)) return { kind: 'Begin', trigger: 'QueueLost' };
  if (isNews(asked.requested, known.requests.requested)) return { kind: 'Begin', trigger: 'Requested' };
  return known.completedAt === null ? { kind: 'Resume', state: known } : { kind: 'Rest' };
}

/** A request that was taken back asks for nothing. */
function isNews(asked: string, covered: string): boolean {
  return asked !== '' && asked !== covered;
}

function sameProcesses(one: readonly Master[], other: readonly Master[]): boolean {
  return one.length === other.length && one.every(({ runId }, index) => runId === other[index]?.runId);
}

export function begun(
  trigger: CatchUpTrigger,
  place: Place,
  known: CatchUpState | null,
  asked: CatchUpRequests,
  now: string,
): CatchUpState {
  return {
    requests: {
      requested: asked.requested || (known?.requests.requested ?? ''),
      queueLost: asked.queueLost || (known?.requests.queueLost ?? ''),
    },
    trigger,
    startedAt: now,
    completedAt: null,
    walks: fromTheStart(place),
    orders: 0,
    updated: 0,
    dropped: 0,
  };
}

function fromTheStart({ masters }: Place): readonly Walk[] {
  return masters.map(({ runId, slots }) => ({ runId, slots, cursor: '0' }));
}

/** The next SCAN of this master; null: it is walked, or not of this walk. */
export function cursorOf({ walks }: CatchUpState, runId: string): string | null {
  return walks.find((walk) => walk.runId === runId)?.cursor ?? null;
}

export interface Compared {
  readonly orders: number;
  readonly updated: number;
  readonly dropped: number;
}

/** A page of keys is done. `next` is the cursor that SCAN gave with it. */
export function advanced(state: CatchUpState, runId: string, next: string, compared: Compared): CatchUpState {
  const cursor = next === '0' ? null : next;
  return {
    ...state,
    walks: state.walks.map((walk) => (walk.runId === runId ? { ...walk, cursor } : walk)),
    orders: state.orders + compared.orders,
    updated: state.updated + compared.updated,
    dropped: state.dropped + compared.dropped,
  };
}

/**
 * All masters are walked. If the keys lay elsewhere meanwhile, some may have moved from a master that was not yet
 * walked to one that was: all are walked once more.
 */
export function walked(state: CatchUpState, place: Place, now: string): CatchUpState {
  const isComplete = state.walks.every(({ cursor }) => cursor === null);
  const isSame =
    sameProcesses(state.walks, place.masters) &&
    state.walks.every(({ slots }, index) => slots === place.masters[index]?.slots);
  if (isComplete && isSame && !place.unsettled) return { ...state, completedAt: now };
  return { ...state, walks: fromTheStart(place) };
}

export function reportOf(state: CatchUpState | null, failed: boolean): CatchUpReport {
  if (state === null) {
    const nothing = { trigger: null, startedAt: null, completedAt: null, orders: 0, updated: 0, dropped: 0 };
    return { state: failed ? 'Failed' : 'Idle', ...nothing };
  }
  const { trigger, startedAt, completedAt, orders, updated, dropped } = state;
  const ended = completedAt === null ? 'Running' : 'Completed';
  return { state: failed ? 'Failed' : ended, trigger, startedAt, completedAt, orders, updated, dropped };
}

export function encodeState(state: CatchUpState): string {
  return JSON.stringify(state);
}

/** Null for what this version does not understand: everything is walked again then. */
export function decodeState(text: string | null): CatchUpState | null {
  try {
    const value = JSON.parse(text ?? '') as CatchUpState;
    return isState(value) ? value : null;
  } catch {
    return null;
  }
}

function isState(value: CatchUpState): boolean {
  const { requests, trigger, startedAt, completedAt, walks, orders, updated, dropped } = value;
  const isText = (each: unknown) => typeof each === 'string';
  const isCursor = (cursor: unknown) => cursor === null || (isText(cursor) && /^\d+$/.test(String(cursor)));
  return (
    isText(requests.requested) &&
    isText(requests.queueLost) &&
    CATCH_UP_TRIGGERS.includes(trigger) &&
    isText(startedAt) &&
    (completedAt === null || isText(completedAt)) &&
    walks.every(({ runId, slots, cursor }) => isText(runId) && isText(slots) && isCursor(cursor)) &&
    [orders, updated, dropped].every((each) => Number.isSafeInteger(each) && each >= 0)
  );
}
