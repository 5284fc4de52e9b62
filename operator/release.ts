/** The end of a policy: what is cleaned up outside Kubernetes before the finalizer goes. Owned objects follow by themselves. */
import { ABANDON_ANNOTATION } from '../api/names.ts';
import { cleanUpAfter } from './clean-up.ts';
import { deletingConditions } from './conditions.ts';
import { type DeletionContext, type DeletionDecision, decideDeletion, reasonForUrgency } from './deletion.ts';
import { hasFinalizer, removeFinalizer } from './finalizer.ts';
import type { Seen } from './observe.ts';
import { timestamp, writeStatus } from './report.ts';
import type { Next } from './work-queue.ts';
import type { World } from './world.ts';

export async function release(world: World, seen: Seen): Promise<Next> {
  if (seen.memory.released) return {};
  if (!hasFinalizer(seen.policy)) return forget(world, seen);
  const context = await contextOf(world, seen);
  const attempts = await cleanUpAfter(world, seen, reasonForUrgency(context) !== undefined);
  const decision = decideDeletion(attempts, context);
  if (decision.kind === 'Retry') return retry(world, seen, decision);
  await recordOrphaned(world, seen, decision);
  await removeFinalizer(world, seen.policy);
  // A pass before the watch brings the end would begin anew, without the credentials.
  seen.memory.released = true;
  return forgetConnections(world, seen);
}

async function contextOf(world: World, { policy, credentials, memory }: Seen): Promise<DeletionContext> {
  const { namespace, annotations } = policy.metadata;
  const reasons = {
    abandoned: annotations?.[ABANDON_ANNOTATION] !== undefined && annotations[ABANDON_ANNOTATION] !== 'false',
    namespaceTerminating: await isTerminating(world, namespace),
    secretGone: credentials.redis === undefined || credentials.management === undefined,
  };
  const now = world.clock.monotonic();
  memory.urgentSince = reasonForUrgency(reasons) === undefined ? undefined : (memory.urgentSince ?? now);
  return { ...reasons, urgentForSeconds: (now - (memory.urgentSince ?? now)) / 1000 };
}

/** An installation that may not read namespaces goes without this knowledge: its deletions end by time. */
async function isTerminating(world: World, namespace: string): Promise<boolean> {
  try {
    return (await world.client.getNamespace(namespace))?.metadata.deletionTimestamp !== undefined;
  } catch {
    return false;
  }
}

async function retry(
  world: World,
  seen: Seen,
  decision: Extract<DeletionDecision, { kind: 'Retry' }>,
): Promise<Next> {
  const { policy } = seen;
  const conditions = deletingConditions(policy, decision, timestamp(world));
  const kept =
    policy.status?.conditions?.filter(({ type }) => !conditions.some((now) => now.type === type)) ?? [];
  const status = {
    ...policy.status,
    observedGeneration: policy.metadata.generation,
    conditions: [...conditions, ...kept],
  };
  await writeStatus(world, seen, status);
  return { again: decision.afterSeconds * 1000 };
}

async function recordOrphaned(
  world: World,
  { policy }: Seen,
  { orphaned, because }: Extract<DeletionDecision, { kind: 'Finish' }>,
): Promise<void> {
  const { namespace, name } = policy.metadata;
  world.log.info({ namespace, policy: name, orphaned, because }, 'policy released');
  if (orphaned.length === 0) return;
  world.metrics.leftOver(namespace, orphaned.length);
  const note = `Stays after the deletion (${because}): ${orphaned.join('; ')}`;
  const type = policy.spec.deletionPolicy === 'Retain' && because === 'cleaned up' ? 'Normal' : 'Warning';
  await world.events.record(policy, { type, reason: 'LeftBehind', action: 'Release', note });
}

function forget(world: World, seen: Seen): Next {
  world.memories.forget(seen.policy.metadata.uid);
  return forgetConnections(world, seen);
}

function forgetConnections(world: World, { policy }: Seen): Next {
  const { uid, namespace, name } = policy.metadata;
  world.sampler.forget(uid);
  world.ttl.forget(uid);
  world.metrics.forgetPolicy(namespace, name);
  return {};
}
