/** Every name that two parts must agree on, and the names the outside world sees. */

export const GROUP = 'ordercache.io';
export const VERSION = 'v1alpha1';
export const KIND = 'OrderCachePolicy';
export const PLURAL = 'ordercachepolicies';
export const API_VERSION = `${GROUP}/${VERSION}`;

export const FINALIZER = `${GROUP}/cleanup`;
/** On a policy: gives up what cannot be cleaned up (broker away for good) and lets the deletion finish. */
export const ABANDON_ANNOTATION = `${GROUP}/abandon`;
/**
 * On a policy: names the owners whose queue or key prefix it may take over, `<installation>/<namespace>/<name>`, with
 * commas between them.
 */
export const ADOPT_ANNOTATION = `${GROUP}/adopt-queue-from`;
/** On a policy: any new value has every order in Redis compared with the database. */
export const CATCH_UP_ANNOTATION = `${GROUP}/catch-up`;
/** On the worker pods: hash of the worker configuration, by which a change rolls them. */
export const CONFIG_HASH_ANNOTATION = `${GROUP}/config-hash`;
export const POLICY_LABEL = `${GROUP}/policy`;

/** Queue argument that says whose queue it is. The broker stores it and does not compare it. */
export const OWNER_ARGUMENT = 'x-ordercache-owner';

export interface PolicyRef {
  readonly namespace: string;
  readonly name: string;
}

/** Value of the owner argument and of the TTL table's owner. */
export function ownerOf(installation: string, policy: PolicyRef): string {
  return `${installation}/${policy.namespace}/${policy.name}`;
}

/** The policy that an owner of this installation names; undefined: it is another installation's. */
export function policyOfOwner(owner: string, installation: string): PolicyRef | undefined {
  const [of, namespace, name, ...more] = owner.split('/');
  const isOurs = of === installation && namespace && name && more.length === 0;
  return isOurs ? { namespace, name } : undefined;
}

/** The owners that the annotation names. */
export function adoptableOwners(
  annotations: Readonly<Record<string, string>> | undefined,
): readonly string[] {
  const owners = (annotations?.[ADOPT_ANNOTATION] ?? '').split(',').map((owner) => owner.trim());
  return owners.filter((owner) => owner !== '');
}

/** Name of the worker Deployment, ConfigMap, ServiceAccount and PodDisruptionBudget of a policy. */
export function workerObjectName(policyName: string): string {
  return `${policyName}-cache-sync`;
}

/** The labels that select the worker pods of a policy; they never change, a Deployment's selector is immutable. */
export function workerSelector(policyName: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'order-cache-worker',
    'app.kubernetes.io/instance': policyName,
    [POLICY_LABEL]: policyName,
  };
}

/** Name of the maintenance Deployment of a policy. */
export function maintenanceObjectName(policyName: string): string {
  return `${policyName}-maintenance`;
}

/** The labels that select the maintenance pod of a policy and no worker. */
export function maintenanceSelector(policyName: string): Record<string, string> {
  return { ...workerSelector(policyName), 'app.kubernetes.io/name': 'order-cache-maintenance' };
}

/** `ordercache.<namespace>.<name>` unless the policy names its queue; revision N > 1 adds `.rN`. */
export function queueName(policy: PolicyRef, name: string | undefined, revision: number): string {
  const base = name ?? `ordercache.${policy.namespace}.${policy.name}`;
  return revision === 1 ? base : `${base}.r${revision}`;
}

export function deadLetterQueueName(queue: string): string {
  return `${queue}.dead`;
}

/**
 * The retry ladder of a vhost, shared by its policies. A message published to the step's fanout exchange with the
 * queue's name as routing key waits in the queue of the same name and returns through the default exchange.
 */
export function delayStepName(delaySeconds: number): string {
  return `ordercache.delay.${delaySeconds}s`;
}

/** Redis key of a policy's TTL table. Key prefixes may not begin with `ordercache:`, so no record has this key. */
export function ttlTableKey(keyPrefix: string): string {
  return `ordercache:ttl:${keyPrefix}`;
}

/** Redis key of what the maintenance pod knows of the last catch-up. */
export function catchUpKey(keyPrefix: string): string {
  return `ordercache:catch-up:${keyPrefix}`;
}

/** Headers on what workers publish to retry and dead-letter queues. */
export const HEADERS = {
  attempts: 'x-ordercache-attempts',
  reason: 'x-ordercache-reason',
  detail: 'x-ordercache-detail',
  queue: 'x-ordercache-queue',
  deadLetteredAt: 'x-ordercache-dead-lettered-at',
} as const;
