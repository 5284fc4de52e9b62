import { API_VERSION, KIND } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { APPLIED_ANNOTATION } from './desired.ts';
import { controllerOf, type KubernetesObject } from './kubernetes-objects.ts';
import { sameQuantity } from './quantity.ts';

/** How an object in the cluster differs from what it should be, and so what is done about it. */
export type Difference =
  | { readonly kind: 'Same' }
  | { readonly kind: 'Missing' }
  /** Our own change: the policy, the operator or the installation is another than when it was applied. */
  | { readonly kind: 'Outdated' }
  /** Somebody else has changed it. */
  | { readonly kind: 'Edited'; readonly path: string }
  /** Of our name and not controlled by this policy: it is left alone. */
  | { readonly kind: 'Foreign'; readonly controller: string };

export function differenceOf(
  policy: OrderCachePolicy,
  desired: KubernetesObject,
  found: KubernetesObject | undefined,
): Difference {
  if (found === undefined) return { kind: 'Missing' };
  if (!isControlledBy(policy, found)) return { kind: 'Foreign', controller: controllerName(found) };
  if (appliedHash(found) !== appliedHash(desired)) return { kind: 'Outdated' };
  const path = firstDifference(desired, found, '');
  if (path === undefined) return { kind: 'Same' };
  return path === 'spec.replicas' ? { kind: 'Outdated' } : { kind: 'Edited', path };
}

export function isControlledBy(policy: OrderCachePolicy, object: KubernetesObject): boolean {
  return controllerOf(object)?.uid === policy.metadata.uid;
}

function controllerName(object: KubernetesObject): string {
  const controller = controllerOf(object);
  if (controller === undefined) return 'nobody';
  const isPolicy = controller.kind === KIND && controller.apiVersion === API_VERSION;
  return isPolicy ? `another ${KIND} ${controller.name}` : `${controller.kind} ${controller.name}`;
}

export function appliedHash(object: KubernetesObject): string | undefined {
  return object.metadata.annotations?.[APPLIED_ANNOTATION];
}

/**
 * Path of the first thing that is desired and not found so. What is found beside it belongs to the API server's
 * defaults or to other managers of the object, and is theirs.
 */
export function firstDifference(desired: unknown, found: unknown, path: string): string | undefined {
  if (Array.isArray(desired)) return listDifference(desired, found, path);
  if (isRecord(desired)) return recordDifference(desired, found, path);
  if (desired === undefined || desired === found) return undefined;
  return /\.(requests|limits)\.[^.]+$/.test(path) && sameQuantity(desired, found) ? undefined : path;
}

function recordDifference(
  desired: Record<string, unknown>,
  found: unknown,
  path: string,
): string | undefined {
  // The API server drops empty maps.
  if (!isRecord(found)) return Object.keys(desired).length === 0 ? undefined : path;
  for (const [key, value] of Object.entries(desired)) {
    const difference = firstDifference(value, found[key], path === '' ? key : `${path}.${key}`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** Items with a name are matched by it, as server-side apply does; others are compared as a whole list. */
function listDifference(desired: readonly unknown[], found: unknown, path: string): string | undefined {
  if (!Array.isArray(found)) return desired.length === 0 ? undefined : path;
  const named = desired.every((item) => isRecord(item) && typeof item.name === 'string');
  if (!named && desired.length !== found.length) return path;
  for (const [index, item] of desired.entries()) {
    const name = named && isRecord(item) ? item.name : undefined;
    const counterpart = named ? found.find((other) => isRecord(other) && other.name === name) : found[index];
    const difference = firstDifference(item, counterpart, `${path}[${name ?? index}]`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
