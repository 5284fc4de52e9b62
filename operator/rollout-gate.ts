import { GENERATION_ANNOTATION } from './desired.ts';
import { firstDifference } from './difference.ts';
import type { Deployment } from './kubernetes-objects.ts';
import { isRolling } from './rollout.ts';

/** Policies whose workers roll at once because of a new operator or installation. */
export const MAX_ROLLING = 5;

/**
 * May the desired Deployment be applied now? A change that its own policy asks for may, always. One that an upgrade
 * of the operator brings to every policy at once waits while five others roll.
 */
export function mayRoll(
  desired: Deployment,
  found: Deployment | undefined,
  all: Iterable<Deployment>,
): boolean {
  if (found === undefined || !isUpgrade(desired, found)) return true;
  let rolling = 0;
  for (const deployment of all) if (isOfWorkers(deployment) && isRolling(deployment)) rolling += 1;
  return rolling < MAX_ROLLING;
}

/** A maintenance pod rolls after its policy's workers, and holds up nobody. */
function isOfWorkers({ metadata }: Deployment): boolean {
  return metadata.labels?.['app.kubernetes.io/name'] !== 'order-cache-maintenance';
}

function isUpgrade(desired: Deployment, found: Deployment): boolean {
  const generation = (object: Deployment) => object.metadata.annotations?.[GENERATION_ANNOTATION];
  if (generation(desired) !== generation(found)) return false;
  return firstDifference(desired.spec?.template, found.spec?.template, 'spec.template') !== undefined;
}
