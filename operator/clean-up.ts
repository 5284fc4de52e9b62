/** What a policy leaves behind outside Kubernetes, taken away as far as its deletion policy says. */
import { deadLetterQueueName, queueName } from '../api/names.ts';
import type { CleanUp } from './deletion.ts';
import { DEPLOYMENT, type Deployment } from './kubernetes-objects.ts';
import type { Seen } from './observe.ts';
import { tellChanges } from './outside.ts';
import type { Problem } from './ports.ts';
import type { World } from './world.ts';

/** How long pods may take to end before the queues are deleted without them: a node may be away. */
const WORKERS_PATIENCE_MS = 5 * 60_000;
const WORKERS_RECHECK_SECONDS = 2;
/** A queue that is to be looked at again so soon only waits for its consumers to go. */
const DRAINED_SECONDS = 1;

/**
 * Each part is tried, whatever became of the other, and not again once it is done. In the last attempt nothing waits for
 * workers: Redis and the broker must hear of the end even so.
 */
export async function cleanUpAfter(world: World, seen: Seen, isLast: boolean): Promise<CleanUp> {
  if (seen.policy.spec.deletionPolicy === 'Delete' && !isLast) {
    const ending = await endWorkers(world, seen);
    if (ending !== undefined) return { ...ending, leftovers: all(seen) };
  }
  const parts = [
    await once(seen, 'Redis', () => leaveRedis(world, seen)),
    await once(seen, 'broker', () => leaveBroker(world, seen)),
  ];
  const leftovers = parts.flatMap((part) => part.leftovers);
  const unfinished =
    parts.find(({ kind }) => kind === 'Problem') ?? parts.find(({ kind }) => kind === 'Waiting');
  return unfinished ? { ...unfinished, leftovers } : { kind: 'Clean', leftovers };
}

async function once({ memory }: Seen, part: string, leave: () => Promise<CleanUp>): Promise<CleanUp> {
  const known = memory.left.get(part);
  if (known) return { kind: 'Clean', leftovers: known };
  const result = await leave();
  if (result.kind === 'Clean') memory.left.set(part, result.leftovers);
  return result;
}

/**
 * Workers that run may empty the queue, which is unbound first. Then they are stopped, and the maintenance pod with
 * them: queue and records are deleted under nobody's feet. Undefined: there are none any more.
 */
async function endWorkers(world: World, seen: Seen): Promise<CleanUp | undefined> {
  const { policy, deployment, pods, maintenance, maintenancePods } = seen;
  if (deployment && deployment.spec?.replicas !== 0) {
    const draining = await drain(world, seen);
    if (draining !== undefined) return draining;
    await stop(world, deployment);
  }
  if (maintenance && maintenance.spec?.replicas !== 0) await stop(world, maintenance);
  const replicas = (deployment?.status?.replicas ?? 0) + (maintenance?.status?.replicas ?? 0);
  const remain = replicas + pods.length + maintenancePods.length > 0;
  if (!remain || deletingFor(world, policy) > WORKERS_PATIENCE_MS) return undefined;
  return {
    kind: 'Waiting',
    seconds: WORKERS_RECHECK_SECONDS,
    message: 'Workers and the maintenance pod are being stopped',
    leftovers: [],
  };
}

async function stop({ client }: World, { metadata }: Deployment): Promise<void> {
  await client.mergePatch(DEPLOYMENT, metadata.namespace, metadata.name, { spec: { replicas: 0 } });
}

/** Undefined: nothing is left that the workers could do. */
async function drain(world: World, seen: Seen): Promise<CleanUp | undefined> {
  const broker = await leaveBroker(world, seen);
  if (broker.kind === 'Waiting' && broker.seconds > DRAINED_SECONDS) return broker;
  return broker.kind === 'Problem' && broker.reason === 'QueueNotEmpty' ? broker : undefined;
}

async function leaveRedis(world: World, { policy, credentials, conflict }: Seen): Promise<CleanUp> {
  if (conflict?.reason === 'KeyPrefixConflict') return { kind: 'Clean', leftovers: [] };
  const { keyPrefix } = policy.spec.redis;
  const table = `the TTL table of key prefix ${keyPrefix} in Redis, which readers go on to trust until it is removed`;
  if (credentials.redis === undefined) return missing(credentials.problems, [table]);
  if (policy.spec.deletionPolicy === 'Retain') {
    const result = await world.ttl.retire(policy, credentials.redis);
    return result.kind === 'Problem' ? { ...result, leftovers: [table] } : { kind: 'Clean', leftovers: [] };
  }
  const result = await world.ttl.erase(policy, credentials.redis);
  if (result.kind === 'Erased') return { kind: 'Clean', leftovers: [] };
  return { ...result, leftovers: [`${table}, and its records`] };
}

async function leaveBroker(world: World, { policy, credentials, conflict }: Seen): Promise<CleanUp> {
  if (conflict?.reason === 'QueueConflict') return { kind: 'Clean', leftovers: [] };
  const { deletionPolicy } = policy.spec;
  if (deletionPolicy === 'Delete' && credentials.management === undefined) {
    return missing(credentials.problems, queuesOf(policy));
  }
  const result = await world.topology.release(policy, credentials.management ?? null, deletionPolicy);
  await tellChanges(world, policy, result.changes);
  if (result.kind === 'Released') return { kind: 'Clean', leftovers: result.leftovers };
  return { ...result, leftovers: queuesOf(policy) };
}

function missing(problems: readonly Problem[], leftovers: readonly string[]): CleanUp {
  const message = problems[0]?.message ?? 'a Secret cannot be used';
  return { kind: 'Problem', reason: problems[0]?.reason ?? 'SecretNotFound', message, leftovers };
}

function all({ policy }: Seen): readonly string[] {
  return [...queuesOf(policy), `records and TTL table of key prefix ${policy.spec.redis.keyPrefix} in Redis`];
}

function queuesOf({ metadata, spec }: Seen['policy']): readonly string[] {
  const queue = queueName(metadata, spec.rabbitmq.queue.name, spec.rabbitmq.queue.revision);
  return [`queue ${queue} with its bindings`, `queue ${deadLetterQueueName(queue)}`];
}

/** Milliseconds since the deletion was asked for. */
function deletingFor({ clock }: World, { metadata }: Seen['policy']): number {
  return metadata.deletionTimestamp === undefined ? 0 : clock.now() - Date.parse(metadata.deletionTimestamp);
}
