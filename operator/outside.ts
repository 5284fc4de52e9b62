import { ADOPT_ANNOTATION } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { Answer } from './memory.ts';
import type { Seen } from './observe.ts';
import type { Change, Problem, TakenOver, TopologyResult, TtlResult } from './ports.ts';
import { timestamp, writeStatus } from './report.ts';
import type { World } from './world.ts';

/** The broker and Redis are looked at again after so long, for what others have changed there. */
const RESYNC_MS = 60_000;
const RETRY_MS = { initial: 2_000, max: 60_000, stalled: 30_000 };

/** The broker and Redis as they are now; both are asked again at once after a signal that something has drifted. */
export async function declareOutside(
  world: World,
  seen: Seen,
): Promise<[TopologyResult | undefined, TtlResult | undefined]> {
  const { drifted } = seen.memory;
  seen.memory.drifted = false;
  return Promise.all([declareTopology(world, seen, drifted), publishTtl(world, seen, drifted)]);
}

/** The topology as declared now, or as last seen while it is not yet time to look again. */
async function declareTopology(
  world: World,
  seen: Seen,
  atOnce: boolean,
): Promise<TopologyResult | undefined> {
  const { policy, memory, credentials } = seen;
  const { management } = credentials;
  if (management === undefined) return undefined;
  memory.topology = await ask(world, seen, memory.topology, atOnce, async () => {
    const result = await world.topology.reconcile(policy, management, () => keepQueueLost(world, seen));
    if (wasReached(result)) memory.managementCredentials.worked = management;
    await tellChanges(world, policy, result.changes);
    return result;
  });
  return memory.topology.result;
}

/** The broker let the operator in, and may hold something of the policy, whatever else is wrong. */
function wasReached(result: TopologyResult): boolean {
  if (result.kind === 'Declared') return true;
  return result.reason !== 'BrokerUnavailable' && result.reason !== 'BrokerAccessRefused';
}

/** Kept in the status, so that the request for a catch-up outlives this process. */
async function keepQueueLost(world: World, seen: Seen): Promise<void> {
  const { policy, memory } = seen;
  const queueLostAt = timestamp(world);
  await writeStatus(world, seen, { ...policy.status, queueLostAt });
  memory.queueLostAt = queueLostAt;
  await world.events.record(policy, {
    type: 'Warning',
    reason: 'QueueLost',
    action: 'DeclareTopology',
    note: `Queue ${policy.status?.queue} was there and is gone, and with it perhaps events`,
  });
}

/** When the queue in use was last found missing. */
export function queueLostAtOf({ policy, memory }: Pick<Seen, 'policy' | 'memory'>): string | undefined {
  return memory.queueLostAt ?? policy.status?.queueLostAt;
}

/** The TTL table as published now, or as last seen. */
async function publishTtl(world: World, seen: Seen, atOnce: boolean): Promise<TtlResult | undefined> {
  const { policy, memory, credentials } = seen;
  const { redis } = credentials;
  if (redis === undefined) return undefined;
  memory.ttl = await ask(world, seen, memory.ttl, atOnce, async () => {
    const result = await world.ttl.publish(policy, redis);
    if (result.kind === 'Published') memory.redisCredentials.worked = redis;
    if (result.kind === 'Published' && result.takenOver)
      await recordTakeOver(world, policy, result.takenOver);
    return result;
  });
  return memory.ttl.result;
}

async function recordTakeOver(
  world: World,
  policy: OrderCachePolicy,
  { owner, because }: TakenOver,
): Promise<void> {
  const { namespace, name } = policy.metadata;
  const why = because === 'OwnerGone' ? 'which does not exist any more' : 'which the annotation names';
  const note = `Took over key prefix ${policy.spec.redis.keyPrefix} from ${owner}, ${why}`;
  world.log.info({ namespace, policy: name, owner }, note);
  await world.events.record(policy, {
    type: 'Normal',
    reason: 'KeyPrefixTakenOver',
    action: 'PublishTtlTable',
    note,
  });
}

async function ask<T extends TopologyResult | TtlResult>(
  { clock, random }: World,
  seen: Seen,
  last: Answer<T> | undefined,
  atOnce: boolean,
  call: () => Promise<T>,
): Promise<Answer<T>> {
  const question = questionOf(seen);
  const isKnown = last !== undefined && last.question === question && clock.monotonic() < last.askAgainAt;
  if (isKnown && !atOnce) return last;
  const result = await call();
  const failures = result.kind === 'Problem' ? (last?.failures ?? 0) + 1 : 0;
  const delay = delayAfter(result, failures) * (0.9 + 0.2 * random());
  return { result, question, failures, askAgainAt: clock.monotonic() + delay };
}

/** Milliseconds until the broker or Redis is to be asked again, 0 to `most`. */
export function untilAsked({ clock }: World, { memory }: Seen, most: number): number {
  const next = Math.min(memory.topology?.askAgainAt ?? Infinity, memory.ttl?.askAgainAt ?? Infinity);
  return Math.max(0, Math.min(most, next - clock.monotonic()));
}

/** Changes when the policy or a Secret does, so that both are acted on at once. */
function questionOf({ policy, credentials }: Seen): string {
  const adopt = policy.metadata.annotations?.[ADOPT_ANNOTATION] ?? '';
  return [policy.metadata.generation, adopt, credentials.version].join('|');
}

function delayAfter(result: TopologyResult | TtlResult, failures: number): number {
  if (result.kind === 'Problem') return retryDelay(result, failures);
  const recheck = result.kind === 'Declared' ? result.recheckAfterSeconds : undefined;
  return recheck === undefined ? RESYNC_MS : Math.min(RESYNC_MS, recheck * 1000);
}

function retryDelay({ retryable }: Problem, failures: number): number {
  if (!retryable) return RETRY_MS.stalled;
  return Math.min(RETRY_MS.max, RETRY_MS.initial * 2 ** Math.min(failures - 1, 10));
}

const EVENT_REASONS = {
  Declared: 'TopologyDeclared',
  Adopted: 'TopologyAdopted',
  Bound: 'TopologyBound',
  Unbound: 'TopologyUnbound',
  Deleted: 'TopologyDeleted',
} as const satisfies Readonly<Record<Change['action'], string>>;

/** One event for each kind of change, however many there were. */
export async function tellChanges(
  world: World,
  policy: OrderCachePolicy,
  changes: readonly Change[],
): Promise<void> {
  for (const action of new Set(changes.map((change) => change.action))) {
    const group = changes.filter((change) => change.action === action);
    const note = group.map(({ message }) => message).join('; ');
    const { namespace, name } = policy.metadata;
    world.log.info({ namespace, policy: name, changes: group }, `topology: ${action.toLowerCase()}`);
    await world.events.record(policy, {
      type: 'Normal',
      reason: EVENT_REASONS[action],
      action: 'DeclareTopology',
      note,
    });
  }
}
