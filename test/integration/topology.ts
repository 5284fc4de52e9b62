import { deadLetterQueueName, delayStepName, OWNER_ARGUMENT } from '../../api/names.ts';
import type { RetryStep } from '../../api/worker-config.ts';
import type { TestVhost } from '../servers/index.ts';

/** What the operator declares for a policy, declared by a test: work queue, dead-letter queue and retry ladder. */
export interface Topology {
  readonly queue: string;
  readonly deadLetterQueue: string;
  readonly steps: readonly RetryStep[];
}

export interface TopologyOptions {
  readonly queue?: string;
  readonly delaysSeconds?: readonly number[];
  readonly maxDeadLetters?: number;
}

export async function declareTopology(
  vhost: TestVhost,
  { queue = 'orders', delaysSeconds = [1], maxDeadLetters = 100_000 }: TopologyOptions = {},
): Promise<Topology> {
  const deadLetterQueue = deadLetterQueueName(queue);
  await declareDeadLetterQueue(vhost, deadLetterQueue, maxDeadLetters);
  await declareWorkQueue(vhost, queue);
  const steps = delaysSeconds.map((delaySeconds) => ({
    exchange: delayStepName(delaySeconds),
    delaySeconds,
  }));
  for (const step of steps) await declareStep(vhost, step);
  return { queue, deadLetterQueue, steps };
}

export function declareWorkQueue(vhost: TestVhost, queue: string): Promise<unknown> {
  return declareQueue(vhost, queue, {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': deadLetterQueueName(queue),
    'x-dead-letter-strategy': 'at-least-once',
    'x-delivery-limit': 20,
  });
}

export function declareDeadLetterQueue(vhost: TestVhost, name: string, maxLength: number): Promise<unknown> {
  return declareQueue(vhost, name, { 'x-max-length': maxLength });
}

async function declareStep(vhost: TestVhost, { exchange, delaySeconds }: RetryStep): Promise<void> {
  await vhost.management('PUT', `exchanges/${vhost.vhost}/${exchange}`, { type: 'fanout', durable: true });
  await declareQueue(vhost, exchange, {
    'x-message-ttl': delaySeconds * 1_000,
    'x-dead-letter-exchange': '',
    'x-dead-letter-strategy': 'at-least-once',
  });
  await vhost.management('POST', `bindings/${vhost.vhost}/e/${exchange}/q/${exchange}`, { routing_key: '' });
}

function declareQueue(vhost: TestVhost, name: string, args: object): Promise<unknown> {
  return vhost.management('PUT', `queues/${vhost.vhost}/${name}`, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      [OWNER_ARGUMENT]: 'default/test/orders',
      ...args,
    },
  });
}

export async function deleteQueue(vhost: TestVhost, name: string): Promise<void> {
  await vhost.management('DELETE', `queues/${vhost.vhost}/${name}`);
}
