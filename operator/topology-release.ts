/** The end of a policy at the broker. */
import { OWNER_ARGUMENT } from '../api/names.ts';
import type { Problem } from './ports.ts';
import { applyChanges } from './topology-apply.ts';
import type { DesiredTopology } from './topology-desired.ts';
import { isOurs, ladderQueues, type ObservedTopology, oldQueues } from './topology-observed.ts';
import {
  deleteQueue,
  type RetireContext,
  retireDeadLetterQueue,
  retireWorkQueue,
  retryTimes,
} from './topology-retire.ts';

export type Released =
  | { readonly kind: 'Released'; readonly leftovers: readonly string[] }
  | { readonly kind: 'Waiting'; readonly seconds: number; readonly message: string }
  | Problem;

/** What Retain leaves, as a sentence each. Needs no broker. */
export function retained({ queue, deadLetterQueue }: DesiredTopology): string[] {
  return [
    `queue ${queue} with its messages and bindings, which goes on to collect events`,
    `queue ${deadLetterQueue} with its messages`,
  ];
}

/** Unbinds, and deletes what is empty. Rejects with BrokerFailure. */
export async function deleteTopology(
  context: RetireContext,
  observed: ObservedTopology,
  desired: DesiredTopology,
): Promise<Released> {
  const { work, deadLetters } = queuesOf(observed, desired);
  const bindings = observed.bindings.filter(({ queue }) => work.includes(queue));
  const unbinding = bindings.map((binding) => ({ kind: 'Unbind' as const, binding }));
  await applyChanges(context.management, unbinding, context.mayWrite, context.done);

  const retry = await retryTimes(context, observed, desired);
  let wait = 0;
  const full: string[] = [];
  const consumed: string[] = [];
  for (const queue of work) {
    const result = await retireWorkQueue(context, queue, retry, observed, desired);
    if (result.kind === 'InUse') full.push(queue);
    if (result.kind === 'Quiet') wait = Math.max(wait, result.seconds);
    if (result.kind === 'Drained') consumed.push(queue);
  }
  if (full.length > 0) return notEmpty(full);
  // Our workers are stopped meanwhile; who consumes it beside them, people must find out.
  if (consumed.length > 0) {
    const message = `Waiting until nobody consumes ${consumed.join(', ')} any more`;
    return { kind: 'Waiting', seconds: Math.max(wait, 1), message };
  }
  if (wait > 0) {
    const message = `Waiting until no message can return to ${work.join(', ')}`;
    return { kind: 'Waiting', seconds: wait, message };
  }
  for (const queue of deadLetters) if (!(await retireDeadLetterQueue(context, queue))) full.push(queue);
  if (full.length > 0) return notEmpty(full);
  return {
    kind: 'Released',
    leftovers: await removeLadder(context, observed, new Set(work.concat(deadLetters))),
  };
}

/** Only what is ours: a queue of another owner with the same name is as good as gone. */
function queuesOf(
  observed: ObservedTopology,
  desired: DesiredTopology,
): { work: string[]; deadLetters: string[] } {
  const old = oldQueues(observed, desired);
  const isThere = (name: string) => {
    const queue = observed.queues.get(name);
    return queue !== undefined && isOurs(queue, desired);
  };
  const work = [desired.queue, ...old.work].filter(isThere);
  const deadLetters = [...observed.queues.keys()].filter((name) => isThere(name) && !work.includes(name));
  return { work, deadLetters };
}

function notEmpty(queues: readonly string[]): Problem {
  const message =
    `Not deleted because messages are in it: ${queues.join(', ')}. Empty it, or set spec.deletionPolicy: Retain, ` +
    'or give it up with the annotation ordercache.io/abandon';
  return { kind: 'Problem', reason: 'QueueNotEmpty', message, retryable: true };
}

/** The ladder goes with the last queue of any policy in the vhost; what still waits in it stays. */
async function removeLadder(
  context: RetireContext,
  observed: ObservedTopology,
  deleted: ReadonlySet<string>,
): Promise<string[]> {
  const current = await context.management.queues();
  const isUsed = current.some(
    ({ name, arguments: args }) => args[OWNER_ARGUMENT] !== undefined && !deleted.has(name),
  );
  if (isUsed) return [];
  const leftovers: string[] = [];
  for (const { name } of ladderQueues(observed)) {
    const depth = await context.gauge.depthOf(name);
    if (depth !== undefined && depth.ready > 0) {
      leftovers.push(`queue ${name}, with messages in it`);
      continue;
    }
    await deleteQueue(context, name);
    await deleteDelayExchange(context, name);
  }
  return leftovers;
}

async function deleteDelayExchange(
  { management, mayWrite, done }: RetireContext,
  name: string,
): Promise<void> {
  mayWrite();
  await management.deleteExchange(name);
  done({
    action: 'Deleted',
    object: 'Exchange',
    name,
    message: `Deleted exchange ${name} of the retry ladder`,
  });
}
