import type { Seen } from './observe.ts';
import type { WorkerRoute } from './worker-route.ts';
import type { World } from './world.ts';

/** Has the queues and the workers of a policy sampled each second, as they are now. */
export function sample(
  world: World,
  { policy, credentials, pods, maintenancePods }: Seen,
  route: WorkerRoute,
): void {
  const [queue, ...drainQueues] = route.queues;
  if (credentials.management === undefined || queue === undefined) return;
  world.sampler.watch({
    policyUid: policy.metadata.uid,
    credentials: credentials.management,
    queue,
    drainQueues,
    deadLetterQueue: route.deadLetterQueue,
    pods,
    maintenancePods,
  });
}
