/** The end of a policy's worker and maintenance pods, before queue and records are deleted under them. */
import type { CleanUp } from './deletion.ts';
import { KubernetesError } from './kubernetes-client.ts';
import { DEPLOYMENT, type Deployment } from './kubernetes-objects.ts';
import type { Seen } from './observe.ts';
import type { World } from './world.ts';

/** How long pods may take to end before the queues are deleted without them: a node may be away. */
const WORKERS_PATIENCE_MS = 5 * 60_000;
const WORKERS_RECHECK_SECONDS = 2;
/** A queue that is to be looked at again so soon only waits for its consumers to go. */
const DRAINED_SECONDS = 1;

/**
 * Workers that run may empty the queue, which is unbound first. Then they are stopped, and the maintenance pod with
 * them: queue and records are deleted under nobody's feet. Undefined: there are none any more.
 */
export async function endWorkers(
  world: World,
  seen: Seen,
  cleanUpBroker: () => Promise<CleanUp>,
): Promise<CleanUp | undefined> {
  const { policy, deployment, pods, maintenance, maintenancePods } = seen;
  if (runs(deployment)) {
    const draining = await drain(cleanUpBroker);
    if (draining !== undefined) return draining;
  }
  await stopPods(world, seen);
  const replicas = (deployment?.status?.replicas ?? 0) + (maintenance?.status?.replicas ?? 0);
  const remain = replicas + pods.length + maintenancePods.length > 0;
  if (!remain || deletingFor(world, policy) > WORKERS_PATIENCE_MS) return undefined;
  return {
    kind: 'Waiting',
    seconds: WORKERS_RECHECK_SECONDS,
    message: 'Workers and the maintenance pod are being stopped',
    orphaned: [],
  };
}

/** Asks for their end and does not wait for it. */
export async function stopPods(world: World, { deployment, maintenance }: Seen): Promise<undefined> {
  for (const one of [deployment, maintenance]) if (runs(one)) await stop(world, one);
}

function runs(deployment: Deployment | undefined): deployment is Deployment {
  return deployment !== undefined && deployment.spec?.replicas !== 0;
}

/** Where the namespace is deleted, the Deployment may be gone before the watch says so, and our rights on it too. */
async function stop({ client }: World, { metadata }: Deployment): Promise<void> {
  const { namespace, name } = metadata;
  await client.mergePatch(DEPLOYMENT, namespace, name, { spec: { replicas: 0 } }).catch((error: unknown) => {
    const isGone = error instanceof KubernetesError && ['NotFound', 'Forbidden'].includes(error.failure);
    if (!isGone) throw error;
  });
}

/** Undefined: nothing is left that the workers could do. */
async function drain(cleanUpBroker: () => Promise<CleanUp>): Promise<CleanUp | undefined> {
  const broker = await cleanUpBroker();
  if (broker.kind === 'Waiting' && broker.seconds > DRAINED_SECONDS) return broker;
  return broker.kind === 'Problem' && broker.reason === 'QueueNotEmpty' ? broker : undefined;
}

/** Milliseconds since the deletion was asked for. */
function deletingFor({ clock }: World, { metadata }: Seen['policy']): number {
  return metadata.deletionTimestamp === undefined ? 0 : clock.now() - Date.parse(metadata.deletionTimestamp);
}
