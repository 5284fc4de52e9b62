import { isDeepStrictEqual } from 'node:util';
import { maintenanceObjectName, workerObjectName } from '../api/names.ts';
import type { DesiredObject } from './desired.ts';
import { type Difference, differenceOf } from './difference.ts';
import { DEPLOYMENT, type Deployment, type KubernetesObject } from './kubernetes-objects.ts';
import { type Seen, slotOf } from './observe.ts';
import { type Refused, refusedBy } from './refusals.ts';
import { mayRoll } from './rollout-gate.ts';
import type { World } from './world.ts';

/** What stands between an owned object and what it should be. */
export interface Step {
  readonly desired: DesiredObject;
  readonly difference: Difference;
}

export interface Applied {
  readonly foreignObjects: readonly string[];
  /** Later objects have not been applied because of it. */
  readonly refused: Refused | undefined;
  /** The worker Deployment as it is now, if it is ours. */
  readonly deployment: Deployment | undefined;
  /** The maintenance Deployment as it is now, if it is ours. */
  readonly maintenance: Deployment | undefined;
  /** Waits for other policies' workers to be rolled. */
  readonly held: boolean;
}

export function stepsTo(desired: readonly DesiredObject[], { policy, found }: Seen): readonly Step[] {
  return desired.map((one) => ({
    desired: one,
    difference: differenceOf(policy, one.object, found.get(slotOf(one.kind, one.object.metadata.name))),
  }));
}

/**
 * Applies what differs. What is not ours is left alone. What the API server refuses is reported, not thrown, unless it
 * may be over with the next pass.
 */
export async function applySteps(world: World, seen: Seen, steps: readonly Step[]): Promise<Applied> {
  const foreignObjects: string[] = [];
  let { deployment, maintenance } = seen;
  let held = false;
  for (const { desired, difference } of steps) {
    const { kind, object } = desired;
    try {
      if (difference.kind === 'Foreign') {
        foreignObjects.push(`${kind.kind} ${object.metadata.name} (controlled by ${difference.controller})`);
      } else if (difference.kind === 'Same') {
        seen.memory.inPlace.add(slotOf(kind, object.metadata.name));
      } else if (
        isWorkers(seen, desired) &&
        !mayRoll(object, deployment, world.stores.deployments.values())
      ) {
        held = true;
        deployment = await scaleOnly(world, object, deployment);
      } else if (held && kind === DEPLOYMENT && maintenance !== undefined) {
        // The maintenance pod takes its turn together with the workers.
      } else {
        const now = await applyOne(world, seen, { desired, difference });
        if (isWorkers(seen, desired)) {
          if (!isScaledOnly(now, deployment)) seen.memory.templateGeneration = now.metadata.generation;
          deployment = now;
        } else if (kind === DEPLOYMENT) {
          maintenance = now;
        }
      }
    } catch (error) {
      const subject = isMaintenance(seen, desired) ? 'Maintenance' : 'Workers';
      const refused = refusedBy(error, world, seen, slotOf(kind, object.metadata.name), subject);
      return { foreignObjects, deployment, maintenance, held, refused };
    }
  }
  seen.memory.failing = undefined;
  return { foreignObjects, deployment, maintenance, held, refused: undefined };
}

function isWorkers({ policy }: Seen, { kind, object }: DesiredObject): boolean {
  return kind === DEPLOYMENT && object.metadata.name === workerObjectName(policy.metadata.name);
}

function isMaintenance({ policy }: Seen, { kind, object }: DesiredObject): boolean {
  return kind === DEPLOYMENT && object.metadata.name === maintenanceObjectName(policy.metadata.name);
}

/** Its pods are the same as before: a number of replicas in the spec, as an HPA sets it, changes nothing else. */
function isScaledOnly(now: Deployment, found: Deployment | undefined): boolean {
  return isDeepStrictEqual(now.spec?.template, found?.spec?.template);
}

/** A Deployment whose pods must wait for their turn follows the load meanwhile. */
async function scaleOnly(
  world: World,
  desired: Deployment,
  found: Deployment | undefined,
): Promise<Deployment | undefined> {
  const replicas = desired.spec?.replicas;
  if (found === undefined || replicas === found.spec?.replicas) return found;
  const { namespace, name } = found.metadata;
  const now = await world.client.mergePatch<Deployment>(DEPLOYMENT, namespace, name, { spec: { replicas } });
  world.stores.deployments.learn(now);
  return now;
}

async function applyOne(world: World, seen: Seen, { desired, difference }: Step): Promise<KubernetesObject> {
  const { kind, object } = desired;
  const now = await world.client.apply(kind, object);
  world.stores.owned(kind).learn(now);
  const target = slotOf(kind, object.metadata.name);
  const found = seen.found.get(target);
  // What the API server writes in other words than we do is found to differ, and applying it changes nothing.
  if (now.metadata.resourceVersion === found?.metadata.resourceVersion) return now;
  world.log.info(
    { policy: seen.policy.metadata.name, namespace: object.metadata.namespace, difference },
    `applied ${target}`,
  );
  const isRepair =
    difference.kind === 'Edited' || (difference.kind === 'Missing' && seen.memory.inPlace.has(target));
  seen.memory.inPlace.add(target);
  if (isRepair) await tellRepair(world, seen, kind.kind, target, difference);
  return now;
}

async function tellRepair(
  world: World,
  { policy }: Seen,
  kind: string,
  target: string,
  difference: Difference,
) {
  world.metrics.repaired(kind);
  const what = difference.kind === 'Edited' ? `${difference.path} had been changed` : 'it had been deleted';
  await world.events.record(policy, {
    type: 'Warning',
    reason: 'Repaired',
    action: 'Apply',
    note: `${target} was restored: ${what}`,
  });
}
