/** The end of a policy: what is cleaned up outside Kubernetes before the finalizer goes. Owned objects follow by themselves. */
import { ABANDON_ANNOTATION } from '../api/names.ts';
import { cleanUpAfter } from './clean-up.ts';
import { deletingConditions } from './conditions.ts';
import {
  awaySince,
  type Circumstances,
  type CleanUp,
  type DeletionVerdict,
  deletionVerdict,
  isLastAttempt,
} from './deletion.ts';
import { hasFinalizer, removeFinalizer } from './finalizer.ts';
import type { Seen } from './observe.ts';
import { timestamp, writeStatus } from './report.ts';
import type { Next } from './work-queue.ts';
import type { World } from './world.ts';

export async function release(world: World, seen: Seen): Promise<Next> {
  if (!hasFinalizer(seen.policy)) return forget(world, seen);
  const circumstances = await circumstancesOf(world, seen);
  const cleanUp = await cleanUpAfter(world, seen, isLastAttempt(circumstances));
  const verdict = deletionVerdict(cleanUp, circumstances, awayFor(world, seen, cleanUp));
  if (verdict.kind === 'Retry') return retry(world, seen, verdict);
  await tellLeftovers(world, seen, verdict);
  await removeFinalizer(world, seen.policy);
  return forget(world, seen);
}

async function circumstancesOf(world: World, { policy, credentials }: Seen): Promise<Circumstances> {
  const { namespace, annotations } = policy.metadata;
  return {
    abandoned: annotations?.[ABANDON_ANNOTATION] !== undefined && annotations[ABANDON_ANNOTATION] !== 'false',
    namespaceTerminating: await isTerminating(world, namespace),
    secretGone: credentials.redis === undefined || credentials.management === undefined,
  };
}

/** In seconds, without a break, as this process knows it. */
function awayFor({ clock }: World, { memory }: Seen, cleanUp: CleanUp): number {
  const now = clock.monotonic();
  memory.awaySince = awaySince(cleanUp, memory.awaySince, now);
  return (now - (memory.awaySince ?? now)) / 1000;
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
