import { FINALIZER } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { POLICY } from './kubernetes-objects.ts';
import type { World } from './world.ts';

export function hasFinalizer({ metadata }: OrderCachePolicy): boolean {
  return metadata.finalizers?.includes(FINALIZER) ?? false;
}

/** Before anything is made outside Kubernetes, so that nothing of it is left without an owner. */
export async function addFinalizer(world: World, policy: OrderCachePolicy): Promise<void> {
  await setFinalizers(world, policy, [...(policy.metadata.finalizers ?? []), FINALIZER]);
}

export async function removeFinalizer(world: World, policy: OrderCachePolicy): Promise<void> {
  const others = policy.metadata.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
  await setFinalizers(world, policy, others);
}

/** Refused with a conflict when the policy was changed meanwhile: finalizers of others must not be lost. */
async function setFinalizers(
  world: World,
  policy: OrderCachePolicy,
  finalizers: readonly string[],
): Promise<void> {
  const { namespace, name, resourceVersion } = policy.metadata;
  const patch = { metadata: { resourceVersion, finalizers } };
  const now = await world.client.mergePatch<OrderCachePolicy>(POLICY, namespace, name, patch);
  if (finalizers.length > 0) world.stores.policies.learn(now);
}
