import { API_VERSION, KIND } from '../api/names.ts';
import type { OrderCachePolicy, OrderCachePolicyStatus } from '../api/policy.ts';
import { catchUpNotices } from './catch-up-events.ts';
import { POLICY } from './kubernetes-objects.ts';
import type { Seen } from './observe.ts';
import type { Situation } from './situation.ts';
import { keepStatements } from './statements.ts';
import { statusOf, statusStep } from './status.ts';
import type { Next } from './work-queue.ts';
import type { World } from './world.ts';

/** Says in the status what was seen and done; writes only what is another than before. */
export async function report(world: World, seen: Seen, situation: Situation, again: number): Promise<Next> {
  const { topology } = situation;
  const queue = topology?.kind === 'Declared' ? topology.queue : seen.policy.status?.queue;
  const now = timestamp(world);
  const status = statusOf(situation, seen.deployment, queue, now);
  keepStatements(world.installation, seen, situation, status);
  for (const notice of catchUpNotices(seen.policy.status?.catchUp, status.catchUp))
    await world.events.record(seen.policy, notice);
  const wait = await writeStatus(world, seen, status);
  return { again: Math.min(again, wait ?? again) };
}

/** Writes the status if it is due; else the milliseconds until it is. */
export async function writeStatus(
  world: World,
  { policy, memory }: Pick<Seen, 'policy' | 'memory'>,
  status: OrderCachePolicyStatus,
): Promise<number | undefined> {
  const { namespace, name } = policy.metadata;
  world.metrics.policy(namespace, name, status);
  const now = world.clock.monotonic();
  const step = statusStep(policy.status, status, memory.numbersWrittenAt, now);
  if (step.kind === 'Later') return step.ms;
  if (step.kind === 'Same') return undefined;
  const object = { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name }, status };
  const written = await world.client.apply(POLICY, object, 'status');
  memory.numbersWrittenAt = now;
  // The answer is the whole policy. A spec that changed meanwhile comes with the watch, and is looked at then.
  const latest = written as unknown as OrderCachePolicy;
  if (latest.metadata.generation === policy.metadata.generation) world.stores.policies.learn(latest);
  logTransition(world, policy, status);
  return undefined;
}

function logTransition({ log }: World, policy: OrderCachePolicy, status: OrderCachePolicyStatus): void {
  const readyOf = (of: OrderCachePolicyStatus | undefined) =>
    of?.conditions?.find(({ type }) => type === 'Ready');
  const [before, now] = [readyOf(policy.status), readyOf(status)];
  if (before?.status === now?.status && before?.reason === now?.reason && before?.message === now?.message)
    return;
  const { namespace, name, generation } = policy.metadata;
  log.info(
    { namespace, policy: name, generation, ready: now?.status, reason: now?.reason },
    now?.message ?? '',
  );
}

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function timestamp({ clock }: World): string {
  return new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
}
