import {
  maintenanceObjectName,
  maintenanceSelector,
  workerObjectName,
  workerSelector,
} from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import { type Claim, type Conflict, conflictOf } from './conflicts.ts';
import { credentialsOf, type PolicyCredentials } from './credentials-of-policy.ts';
import { CONFIG_KEY, parseConfigFile } from './desired-config.ts';
import { isControlledBy } from './difference.ts';
import {
  CONFIG_MAP,
  type ConfigMap,
  DEPLOYMENT,
  type Deployment,
  type Kind,
  type KubernetesObject,
  OWNED_KINDS,
  type Pod,
} from './kubernetes-objects.ts';
import type { Memory } from './memory.ts';
import type { WorkerPod } from './ports.ts';
import type { World } from './world.ts';

/** A policy and all that belongs to it, as it is now. */
export interface Seen {
  readonly policy: OrderCachePolicy;
  readonly memory: Memory;
  readonly credentials: PolicyCredentials;
  readonly conflict: Conflict | undefined;
  /** Objects of our names, whoever controls them, by `<kind> <name>`. */
  readonly found: ReadonlyMap<string, KubernetesObject>;
  /** The worker Deployment, if it is ours. */
  readonly deployment: Deployment | undefined;
  /** The maintenance Deployment, if it is ours. */
  readonly maintenance: Deployment | undefined;
  /** What the workers are configured with now. */
  readonly configured: WorkerConfig | undefined;
  readonly pods: readonly WorkerPod[];
  readonly maintenancePods: readonly WorkerPod[];
}

/** Undefined: the policy does not exist any more. */
export async function observe(world: World, key: string): Promise<Seen | undefined> {
  const policy = world.stores.policies.get(key);
  if (policy === undefined) return undefined;
  const memory = world.memories.of(policy.metadata.uid);
  const [credentials, found] = await Promise.all([
    credentialsOf(policy, world.secrets),
    findOwned(world, policy),
  ]);
  remember(memory, credentials);
  const { name } = policy.metadata;
  const ours = <T extends KubernetesObject>(kind: Kind, objectName = workerObjectName(name)) => {
    const object = found.get(slotOf(kind, objectName));
    return object && isControlledBy(policy, object) ? (object as T) : undefined;
  };
  return {
    policy,
    memory,
    credentials,
    conflict: conflictOf(claimOf(policy, memory), await allClaims(world)),
    found,
    deployment: ours<Deployment>(DEPLOYMENT),
    maintenance: ours<Deployment>(DEPLOYMENT, maintenanceObjectName(name)),
    configured: parseConfigFile(ours<ConfigMap>(CONFIG_MAP)?.data?.[CONFIG_KEY]),
    pods: podsOf(world, policy, workerSelector(name)),
    maintenancePods: podsOf(world, policy, maintenanceSelector(name)),
  };
}

/**
 * The stores hold what carries our label; whatever else has our names can only be found by asking. At the end of a policy
 * that is of no interest, and there may be no right to ask any more.
 */
async function findOwned(
  world: World,
  policy: OrderCachePolicy,
): Promise<ReadonlyMap<string, KubernetesObject>> {
  const { namespace, deletionTimestamp } = policy.metadata;
  const find = async ([kind, name]: readonly [Kind, string]) => {
    const known = world.stores.owned(kind).get(`${namespace}/${name}`);
    const isAsked = known === undefined && deletionTimestamp === undefined;
    return [slotOf(kind, name), isAsked ? await world.client.get(kind, namespace, name) : known] as const;
  };
  const entries = await Promise.all(ownedBy(policy.metadata.name).map(find));
  return new Map(
    entries.filter((entry): entry is readonly [string, KubernetesObject] => entry[1] !== undefined),
  );
}

/** What a policy may own: every kind under the name of the workers, and a second Deployment. */
function ownedBy(policyName: string): readonly (readonly [Kind, string])[] {
  const workers = OWNED_KINDS.map((kind) => [kind, workerObjectName(policyName)] as const);
  return [...workers, [DEPLOYMENT, maintenanceObjectName(policyName)]];
}

/** Key of `Seen.found`. */
export function slotOf(kind: Kind, name: string): string {
  return `${kind.kind} ${name}`;
}

function remember(memory: Memory, credentials: PolicyCredentials): void {
  memory.broker = credentials.brokerIdentity ?? memory.broker;
  memory.redis = credentials.redisIdentity ?? memory.redis;
  memory.identified = true;
  memory.redisCredentials.read = credentials.redis ?? memory.redisCredentials.read;
  memory.managementCredentials.read = credentials.management ?? memory.managementCredentials.read;
}

function claimOf(policy: OrderCachePolicy, { broker, redis }: Memory): Claim {
  return { policy, broker, redis };
}

/** After a start, other policies may not have been looked at yet; their Secrets are read for the comparison. */
async function allClaims(world: World): Promise<readonly Claim[]> {
  const claims: Claim[] = [];
  for (const policy of world.stores.policies.values()) {
    const memory = world.memories.of(policy.metadata.uid);
    if (!memory.identified) remember(memory, await credentialsOf(policy, world.secrets));
    claims.push(claimOf(policy, memory));
  }
  return claims;
}

/** Pods that may still do something: all that have an address and have not ended, terminating ones too. */
function podsOf(
  world: World,
  { metadata }: OrderCachePolicy,
  selector: Readonly<Record<string, string>>,
): readonly WorkerPod[] {
  const pods: WorkerPod[] = [];
  for (const pod of world.stores.pods.values()) {
    const { namespace, labels } = pod.metadata;
    const isOurs =
      namespace === metadata.namespace &&
      Object.entries(selector).every(([label, value]) => labels?.[label] === value);
    if (isOurs && hasNotEnded(pod))
      pods.push({ name: pod.metadata.name, ip: pod.status?.podIP ?? '', ready: isReady(pod) });
  }
  return pods.filter(({ ip }) => ip !== '');
}

function hasNotEnded({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}
