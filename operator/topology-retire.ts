/** Ends queues of ours that are not bound any more: looks how full they are and deletes what nothing can return to. */
import { deadLetterQueueName } from '../api/names.ts';
import type { ManagementCredentials } from './connection-credentials.ts';
import type { Change, MayWrite } from './ports.ts';
import type { Management } from './rabbitmq-management.ts';
import type { QueueGauge } from './rabbitmq-queue-gauge.ts';
import type { DesiredTopology } from './topology-desired.ts';
import type { QueueVerdict, QuietQueues, RetryTimes } from './topology-drain.ts';
import { isOurs, ladderQueues, type ObservedTopology } from './topology-observed.ts';

export interface RetireContext {
  readonly management: Management;
  readonly gauge: QueueGauge;
  readonly credentials: ManagementCredentials;
  readonly quiet: QuietQueues;
  readonly mayWrite: MayWrite;
  readonly done: (change: Change) => void;
  readonly now: () => number;
}

export type RetiredQueue = Exclude<QueueVerdict, { kind: 'Deletable' }> | { readonly kind: 'Gone' };

/** Deletes the work queue, and its dead-letter queue if that is empty and ours too. Rejects with BrokerFailure. */
export async function retireWorkQueue(
  context: RetireContext,
  queue: string,
  retry: RetryTimes,
  observed: ObservedTopology,
  desired: DesiredTopology,
): Promise<RetiredQueue> {
  const { gauge, quiet, now } = context;
  const depth = await gauge.depthOf(queue);
  const key = keyOf(context, queue);
  const verdict = depth === undefined ? undefined : quiet.look(key, depth, retry, now());
  if (verdict !== undefined && verdict.kind !== 'Deletable') return verdict;
  if (verdict !== undefined) await deleteQueue(context, queue);
  quiet.forget(key);
  const deadLetters = observed.queues.get(deadLetterQueueName(queue));
  if (deadLetters && isOurs(deadLetters, desired)) await retireDeadLetterQueue(context, deadLetters.name);
  return { kind: 'Gone' };
}

/** True: it is gone. False: it holds dead letters, which only people delete. Rejects with BrokerFailure. */
export async function retireDeadLetterQueue(context: RetireContext, queue: string): Promise<boolean> {
  const depth = await context.gauge.depthOf(queue);
  if (depth === undefined) return true;
  if (depth.ready > 0 || depth.consumers > 0) return false;
  await deleteQueue(context, queue);
  return true;
}

export async function retryTimes(
  { gauge }: RetireContext,
  observed: ObservedTopology,
  { retrySpanSeconds }: DesiredTopology,
): Promise<RetryTimes> {
  const ladder = ladderQueues(observed);
  const depths = await Promise.all(ladder.map(({ name }) => gauge.depthOf(name)));
  const delays = ladder.map(({ arguments: args }) => Number(args['x-message-ttl']) / 1000);
  const longestDelaySeconds = Math.max(0, ...delays);
  return {
    ladderIsEmpty: depths.every((depth) => depth === undefined || depth.ready === 0),
    longestDelaySeconds,
    spanSeconds: Math.max(retrySpanSeconds, longestDelaySeconds),
  };
}

export async function deleteQueue(
  { management, mayWrite, done }: RetireContext,
  name: string,
): Promise<void> {
  mayWrite();
  await management.deleteQueue(name);
  done({ action: 'Deleted', object: 'Queue', name, message: `Deleted queue ${name}, which was empty` });
}

function keyOf({ credentials: { host, port, vhost } }: RetireContext, queue: string): string {
  return JSON.stringify([host, port, vhost, queue]);
}
