/**
 * The story of the operator: what happens to one policy in one pass. A pass is cheap and is repeated: on every change
 * of the policy, its objects or its surroundings, and every few seconds. It reads once, decides, acts, and says in the
 * status what it has seen and done.
 */
import { applySteps, stepsTo } from './apply.ts';
import { obstacle } from './checks.ts';
import { desiredObjects } from './desired.ts';
import { configFile } from './desired-config.ts';
import { addFinalizer, hasFinalizer } from './finalizer.ts';
import { observe, type Seen } from './observe.ts';
import { declareOutside, queueLostAtOf, untilAsked } from './outside.ts';
import { type Refused, writePolicy } from './refusals.ts';
import { release } from './release.ts';
import { decideReplicas, scaled, settleScalingSpec } from './replicas.ts';
import { report } from './report.ts';
import { rolloutOf } from './rollout.ts';
import { sample } from './sample.ts';
import type { Situation } from './situation.ts';
import { standingStatements } from './statements.ts';
import type { Next } from './work-queue.ts';
import { routeOf } from './worker-route.ts';
import type { World } from './world.ts';

/** A policy is looked at again after this time, whatever happens: Secrets and numbers move without a notice. */
const AGAIN_MS = 10_000;
/** While samples are awaited, or workers of other policies are being rolled after an upgrade. */
const SOON_MS = 2_000;

export async function reconcile(world: World, key: string): Promise<Next> {
  const seen = await observe(world, key);
  if (seen === undefined) return {};
  if (seen.policy.metadata.deletionTimestamp !== undefined) return release(world, seen);

  const before = situationOf(world, seen);
  if (seen.policy.spec.suspend || obstacle(before)) return report(world, seen, before, AGAIN_MS);
  if (!hasFinalizer(seen.policy)) {
    const refused = await writePolicy(world, seen, () => addFinalizer(world, seen.policy));
    if (refused) return conclude(world, seen, before, AGAIN_MS, refused);
  }

  const [topology, ttl] = await declareOutside(world, seen);
  const route = routeOf(seen.policy, topology, seen.configured);
  if (route === undefined)
    return report(world, seen, { ...before, topology, ttl }, untilAsked(world, seen, AGAIN_MS));

  sample(world, seen, route);
  const unsettled = await writePolicy(world, seen, () => settleScalingSpec(world, seen));
  if (unsettled) return conclude(world, seen, { ...before, topology, ttl }, AGAIN_MS, unsettled);

  const decision = decideReplicas(world, seen);
  const config = configFile(seen.policy, route);
  const lostAt = queueLostAtOf(seen);
  const desired = desiredObjects(seen.policy, world.installation, config, decision.replicas, lostAt);
  const applied = await applySteps(world, seen, stepsTo(desired, seen));
  await scaled(world, seen, applied.deployment);

  const { foreignObjects, refused } = applied;
  const rollout = rolloutOf(applied.deployment, config.hash, seen.memory.templateGeneration);
  const maintenance = rolloutOf(applied.maintenance, config.hash);
  const done = { topology, ttl, foreignObjects, rollout, maintenance, decision, applied: extentOf(refused) };
  const after = { ...situationOf(world, seen), ...done };
  const again = untilAsked(world, seen, applied.held || !decision.active ? SOON_MS : AGAIN_MS);
  return conclude(world, { ...seen, deployment: applied.deployment }, after, again, refused);
}

/** What was refused and may heal is told first, then thrown. */
async function conclude(
  world: World,
  seen: Seen,
  situation: Situation,
  again: number,
  refused: Refused | undefined,
): Promise<Next> {
  const next = await report(world, seen, { ...situation, refusal: refused?.refusal }, again);
  if (refused?.retry) throw refused.retry;
  return next;
}

/** The maintenance pod comes last. */
function extentOf(refused: Refused | undefined): Situation['applied'] {
  if (refused === undefined) return 'Everything';
  return refused.refusal.about === 'MaintenanceReady' ? 'Workers' : 'Nothing';
}

/** What is known before anything has been done in this pass. */
function situationOf(world: World, seen: Seen): Situation {
  const { policy, credentials, conflict, deployment, configured, memory } = seen;
  const route = routeOf(policy, undefined, configured);
  const hash = route && configFile(policy, route).hash;
  return {
    policy,
    secretProblems: credentials.problems,
    conflict,
    topology: undefined,
    ttl: undefined,
    foreignObjects: [],
    refusal: undefined,
    rollout: rolloutOf(deployment, hash, memory.templateGeneration),
    maintenance: rolloutOf(seen.maintenance, hash),
    queueLostAt: queueLostAtOf(seen),
    observation: world.sampler.view(policy.metadata.uid),
    decision: memory.decision,
    standing: standingStatements(world.installation, seen),
    applied: 'Nothing',
  };
}
