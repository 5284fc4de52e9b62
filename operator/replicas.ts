import { type Deployment, POLICY } from './kubernetes-objects.ts';
import type { Seen } from './observe.ts';
import { scale } from './scaling.ts';
import { recordScaling } from './scaling-behavior.ts';
import type { ScaleDecision } from './scaling-decision.ts';
import type { World } from './world.ts';

type ScalingView = Pick<Seen, 'policy' | 'memory' | 'deployment'>;

/** What the formula says now. Remembered, because behaviour looks back at earlier recommendations. */
export function decideReplicas(world: World, { policy, memory, deployment }: ScalingView): ScaleDecision {
  const decision = scale({
    scaling: policy.spec.scaling,
    observation: world.sampler.view(policy.metadata.uid),
    currentReplicas: currentReplicas({ policy, deployment }),
    learnedWorkerRate: memory.decision?.workerRate ?? policy.status?.workerEventsPerSecond,
    history: memory.history,
    now: world.clock.now(),
  });
  memory.decision = decision;
  memory.history = decision.history;
  return decision;
}

/** A Deployment that somebody deleted comes back with the replicas it had. */
export function currentReplicas({ policy, deployment }: Pick<Seen, 'policy' | 'deployment'>): number | null {
  return deployment?.spec?.replicas ?? policy.status?.desiredReplicas ?? null;
}

/** After the Deployment was applied: tells what was scaled and keeps it for the behaviour's windows. */
export async function scaled(
  world: World,
  { policy, memory, deployment }: ScalingView,
  now: Deployment | undefined,
): Promise<void> {
  const [from, to] = [deployment?.spec?.replicas, now?.spec?.replicas];
  if (from === undefined || to === undefined || from === to || memory.decision === undefined) return;
  memory.history = recordScaling(memory.history, from, to, world.clock.now());
  const { printed, reason } = memory.decision;
  const note = `Scaled the workers from ${from} to ${to}: ${printed}`;
  world.log.info(
    { policy: policy.metadata.name, namespace: policy.metadata.namespace, from, to, printed },
    'scaled',
  );
  await world.events.record(policy, { type: 'Normal', reason: 'Scaled', action: reason, note });
}

/**
 * Manual without a number keeps what runs and writes it into the spec, once, so that /scale answers. Auto ignores a
 * number, says so, and writes nothing.
 */
export async function settleScalingSpec(world: World, seen: Seen): Promise<void> {
  const { mode, replicas } = seen.policy.spec.scaling;
  const current = currentReplicas(seen);
  if (mode === 'Auto' && replicas !== undefined) await tellIgnored(world, seen);
  if (mode === 'Manual' && replicas === undefined && current !== null) {
    await adoptReplicas(world, seen.policy, current);
  }
}

async function tellIgnored(world: World, { policy, memory }: Seen): Promise<void> {
  if (memory.ignoredReplicasOf === policy.metadata.generation) return;
  memory.ignoredReplicasOf = policy.metadata.generation;
  const note = 'spec.scaling.replicas is ignored while spec.scaling.mode is Auto';
  await world.events.record(policy, { type: 'Warning', reason: 'ReplicasIgnored', action: 'Scale', note });
}

async function adoptReplicas(world: World, policy: Seen['policy'], replicas: number): Promise<void> {
  const { namespace, name, resourceVersion } = policy.metadata;
  const patch = { metadata: { resourceVersion }, spec: { scaling: { replicas } } };
  world.stores.policies.learn(await world.client.mergePatch(POLICY, namespace, name, patch));
}
