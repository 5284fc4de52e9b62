import { workerSelector } from '../api/names.ts';
import type { OrderCachePolicyStatus } from '../api/policy.ts';
import { conditionsOf } from './conditions.ts';
import type { Deployment } from './kubernetes-objects.ts';
import type { Measurement } from './observation.ts';
import type { Situation } from './situation.ts';

/** Numbers alone are written at most this often. */
export const NUMBERS_PERIOD_MS = 10_000;

export function statusOf(
  situation: Situation,
  deployment: Deployment | undefined,
  queue: string | undefined,
  nowIso: string,
): OrderCachePolicyStatus {
  const { policy, queueLostAt } = situation;
  const selector = Object.entries(workerSelector(policy.metadata.name)).map(
    ([key, value]) => `${key}=${value}`,
  );
  return {
    observedGeneration: policy.metadata.generation,
    conditions: [...conditionsOf(situation, nowIso)],
    replicas: deployment?.status?.replicas ?? 0,
    readyReplicas: deployment?.status?.readyReplicas ?? 0,
    selector: selector.join(','),
    ...(queue !== undefined && { queue }),
    ...(queueLostAt !== undefined && { queueLostAt }),
    ...catchUpOf(situation),
    ...numbersOf(situation),
  };
}

/** As the maintenance pod reports it; while it does not, as it was. */
function catchUpOf({ observation, policy }: Situation): Pick<OrderCachePolicyStatus, 'catchUp'> {
  const seen = observation?.maintenance?.catchUp;
  // A pod that has just been started has not yet read what the one before it has done.
  if (seen === undefined || (seen.state === 'Idle' && policy.status?.catchUp !== undefined)) {
    return policy.status?.catchUp === undefined ? {} : { catchUp: policy.status.catchUp };
  }
  const { trigger, startedAt, completedAt, ...numbers } = seen;
  return {
    catchUp: {
      ...numbers,
      ...(trigger !== null && { trigger }),
      ...(startedAt !== null && { startedAt }),
      ...(completedAt !== null && { completedAt }),
    },
  };
}

/** A number that is not known is absent. */
function numbersOf({ observation, decision, policy }: Situation): Partial<OrderCachePolicyStatus> {
  const known = {
    backlog: sum(observation?.ready, observation?.inFlight),
    deadLetters: measured(observation?.deadLetters),
    eventsPerSecond: measured(observation?.acknowledgedRate),
    expectedDrainSeconds: decision?.expectedDrainSeconds,
    workerEventsPerSecond: decision?.workerRate ?? policy.status?.workerEventsPerSecond,
    desiredReplicas: decision?.replicas ?? policy.status?.desiredReplicas,
  };
  const present = Object.entries(known).filter((entry): entry is [string, number] =>
    Number.isFinite(entry[1]),
  );
  return Object.fromEntries(present.map(([name, value]) => [name, Math.round(value)]));
}

function measured(measurement: Measurement | undefined): number | undefined {
  return measurement?.kind === 'Measured' ? measurement.value : undefined;
}

function sum(one: Measurement | undefined, other: Measurement | undefined): number | undefined {
  const [a, b] = [measured(one), measured(other)];
  return a === undefined ? undefined : a + (b ?? 0);
}

export type StatusStep =
  | { readonly kind: 'Same' }
  | { readonly kind: 'Write' }
  /** Only numbers differ, and they were written a moment ago. */
  | { readonly kind: 'Later'; readonly ms: number };

/** `writtenAt`: when numbers were last written, in the milliseconds of `now`. */
export function statusStep(
  before: OrderCachePolicyStatus | undefined,
  next: OrderCachePolicyStatus,
  writtenAt: number,
  now: number,
): StatusStep {
  if (canonical(before) === canonical(next)) return { kind: 'Same' };
  if (canonical(essentials(before)) !== canonical(essentials(next))) return { kind: 'Write' };
  const wait = writtenAt + NUMBERS_PERIOD_MS - now;
  return wait > 0 ? { kind: 'Later', ms: wait } : { kind: 'Write' };
}

function essentials(status: OrderCachePolicyStatus | undefined) {
  const { observedGeneration, conditions, replicas, readyReplicas, selector, queue, desiredReplicas } =
    status ?? {};
  const { queueLostAt, catchUp: { state, trigger, startedAt, completedAt } = {} } = status ?? {};
  return {
    observedGeneration,
    conditions,
    replicas,
    readyReplicas,
    selector,
    queue,
    desiredReplicas,
    queueLostAt,
    catchUp: { state, trigger, startedAt, completedAt },
  };
}

/** Without regard to the order of fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, field) => {
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
