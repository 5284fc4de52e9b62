/** The end of a policy: what is cleaned up outside Kubernetes before the finalizer goes. Owned objects follow by themselves. */
import { ABANDON_ANNOTATION, deadLetterQueueName, queueName } from '../api/names.ts';
import { deletingConditions } from './conditions.ts';
import { type Circumstances, type CleanUp, type DeletionVerdict, deletionVerdict } from './deletion.ts';
import { hasFinalizer, removeFinalizer } from './finalizer.ts';
import { DEPLOYMENT } from './kubernetes-objects.ts';
import type { Seen } from './observe.ts';
import { tellChanges } from './outside.ts';
import type { Problem } from './ports.ts';
import { timestamp, writeStatus } from './report.ts';
import type { Next } from './work-queue.ts';
import type { World } from './world.ts';

/** How long pods may take to end before the queues are deleted without them: a node may be away. */
const WORKERS_PATIENCE_MS = 5 * 60_000;
const WORKERS_RECHECK_SECONDS = 2;
/** A queue that is to be looked at again so soon only waits for its consumers to go. */
const DRAINED_SECONDS = 1;

export async function release(world: World, seen: Seen): Promise<Next> {
  if (!hasFinalizer(seen.policy)) return forget(world, seen);
  const cleanUp = await attempt(world, seen);
  const verdict = deletionVerdict(cleanUp, await circumstancesOf(world, seen));
  if (verdict.kind === 'Retry') return retry(world, seen, verdict);
  await tellLeftovers(world, seen, verdict);
  await removeFinalizer(world, seen.policy);
  return forget(world, seen);
}

/** Each part is tried, whatever became of the other, and not again once it is done. */
async function attempt(world: World, seen: Seen): Promise<CleanUp> {
  if (seen.policy.spec.deletionPolicy === 'Delete') {
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
 * Workers that run may empty the queue, which is unbound first. Then they are stopped: queue and records are deleted
 * under nobody's feet. Undefined: there are none any more.
 */
async function endWorkers(world: World, seen: Seen): Promise<CleanUp | undefined> {
  const { policy, deployment, pods } = seen;
  if (deployment && deployment.spec?.replicas !== 0) {
    const draining = await drain(world, seen);
    if (draining !== undefined) return draining;
    const { namespace, name } = deployment.metadata;
    await world.client.mergePatch(DEPLOYMENT, namespace, name, { spec: { replicas: 0 } });
  }
  const remain = (deployment?.status?.replicas ?? 0) > 0 || pods.length > 0;
  if (!remain || deletingFor(world, policy) > WORKERS_PATIENCE_MS) return undefined;
  return {
    kind: 'Waiting',
    seconds: WORKERS_RECHECK_SECONDS,
    message: 'Workers are being stopped',
    leftovers: [],
  };
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

async function circumstancesOf(world: World, { policy, credentials }: Seen): Promise<Circumstances> {
  const { namespace, annotations } = policy.metadata;
  return {
    abandoned: annotations?.[ABANDON_ANNOTATION] !== undefined && annotations[ABANDON_ANNOTATION] !== 'false',
    namespaceTerminating: await isTerminating(world, namespace),
    secretGone: credentials.redis === undefined || credentials.management === undefined,
    deletingForSeconds: deletingFor(world, policy) / 1000,
  };
}

/** An installation that may not read namespaces goes without this knowledge: its deletions end by time. */
async function isTerminating(world: World, namespace: string): Promise<boolean> {
  try {
    return (await world.client.getNamespace(namespace))?.metadata.deletionTimestamp !== undefined;
  } catch {
    return false;
  }
}

function deletingFor({ clock }: World, { metadata }: Seen['policy']): number {
  return metadata.deletionTimestamp === undefined ? 0 : clock.now() - Date.parse(metadata.deletionTimestamp);
}

async function retry(
  world: World,
  seen: Seen,
  verdict: Extract<DeletionVerdict, { kind: 'Retry' }>,
): Promise<Next> {
  const { policy } = seen;
  const conditions = deletingConditions(policy, verdict, timestamp(world));
  const kept =
    policy.status?.conditions?.filter(({ type }) => !conditions.some((now) => now.type === type)) ?? [];
  const status = {
    ...policy.status,
    observedGeneration: policy.metadata.generation,
    conditions: [...conditions, ...kept],
  };
  await writeStatus(world, seen, status);
  return { again: verdict.afterSeconds * 1000 };
}

async function tellLeftovers(
  world: World,
  { policy }: Seen,
  { leftovers, because }: Extract<DeletionVerdict, { kind: 'Finish' }>,
): Promise<void> {
  const { namespace, name } = policy.metadata;
  world.log.info({ namespace, policy: name, leftovers, because }, 'policy released');
  if (leftovers.length === 0) return;
  world.metrics.leftOver(namespace, leftovers.length);
  const note = `Stays after the deletion (${because}): ${leftovers.join('; ')}`;
  const type = policy.spec.deletionPolicy === 'Retain' && because === 'cleaned up' ? 'Normal' : 'Warning';
  await world.events.record(policy, { type, reason: 'LeftBehind', action: 'Release', note });
}

function forget(world: World, { policy }: Seen): Next {
  const { uid, namespace, name } = policy.metadata;
  world.sampler.forget(uid);
  world.ttl.forget(uid);
  world.memories.forget(uid);
  world.metrics.forgetPolicy(namespace, name);
  return {};
}
