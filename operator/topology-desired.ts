/** What a policy wants at the broker, in the broker's own nouns. Pure. */
import {
  adoptableOwners,
  deadLetterQueueName,
  delayStepName,
  OWNER_ARGUMENT,
  ownerOf,
  queueName,
} from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { RetryStep } from '../api/worker-config.ts';

export type QueueArguments = Readonly<Record<string, string | number>>;

export interface ExchangeDeclaration {
  readonly name: string;
  readonly type: 'topic' | 'direct' | 'fanout';
  /** true: it is declared when it is missing. false: it must exist. */
  readonly declared: boolean;
}

export interface QueueDeclaration {
  readonly name: string;
  /** The ladder is shared by all policies of the vhost, so its queues have no owner. */
  readonly role: 'Work' | 'DeadLetter' | 'Delay';
  readonly arguments: QueueArguments;
}

export interface Binding {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
}

export interface DesiredTopology {
  readonly owner: string;
  /** Whose queue it may take over: by annotation, or because that owner is gone. */
  readonly adoptFrom: readonly string[];
  /** Queues that other policies use, whoever is their owner by their arguments. */
  readonly queuesOfOthers: readonly string[];
  readonly queue: string;
  readonly revision: number;
  /** The last queue that the policy was known to use; a queue that is not this one is adopted when it exists. */
  readonly knownQueue: string | undefined;
  readonly deadLetterQueue: string;
  readonly exchanges: readonly ExchangeDeclaration[];
  readonly queues: readonly QueueDeclaration[];
  /** Of the queue: all it may have. Of the ladder: what must be there. */
  readonly bindings: readonly Binding[];
  readonly retrySteps: readonly RetryStep[];
  /** How long a message that fails each time may be on its way, in seconds. */
  readonly retrySpanSeconds: number;
}

/** Poison that kills workers is returned so often, then dead-lettered. The same on every version of RabbitMQ. */
const DELIVERY_LIMIT = 20;

export function desiredTopology(policy: OrderCachePolicy, installation: string): DesiredTopology {
  const { rabbitmq } = policy.spec;
  const owner = ownerOf(installation, policy.metadata);
  const queue = queueName(policy.metadata, rabbitmq.queue.name, rabbitmq.queue.revision);
  const deadLetterQueue = deadLetterQueueName(queue);
  const retrySteps = retryLadder(rabbitmq.retry);
  return {
    owner,
    adoptFrom: adoptableOwners(policy.metadata.annotations),
    queuesOfOthers: [],
    queue,
    revision: rabbitmq.queue.revision,
    knownQueue: policy.status?.queue,
    deadLetterQueue,
    exchanges: [...rabbitmq.exchanges.map(exchangeOf), ...retrySteps.map(delayExchange)],
    queues: [
      deadLetter(deadLetterQueue, owner, rabbitmq.deadLetter.maxLength),
      ...retrySteps.map(delayQueue),
      workQueue(queue, deadLetterQueue, owner),
    ],
    bindings: [
      ...retrySteps.map(({ exchange }) => ({ exchange, queue: exchange, routingKey: '' })),
      ...rabbitmq.bindings.map(({ exchange, routingKey }) => ({ exchange, queue, routingKey })),
    ],
    retrySteps,
    retrySpanSeconds: retrySpan(rabbitmq.retry.maxAttempts, retrySteps),
  };
}

type Retry = OrderCachePolicy['spec']['rabbitmq']['retry'];

/** Delays that double up to the greatest, one for each further attempt; the last one repeats. */
export function retryLadder({ maxAttempts, initialDelaySeconds, maxDelaySeconds }: Retry): RetryStep[] {
  const steps: RetryStep[] = [];
  for (let attempt = 2, delay = initialDelaySeconds; attempt <= maxAttempts; attempt += 1, delay *= 2) {
    const delaySeconds = Math.min(delay, maxDelaySeconds);
    steps.push({ exchange: delayStepName(delaySeconds), delaySeconds });
    if (delaySeconds === maxDelaySeconds) break;
  }
  return steps;
}

function retrySpan(maxAttempts: number, steps: readonly RetryStep[]): number {
  const repeats = Math.max(0, maxAttempts - 1 - steps.length);
  const once = steps.reduce((sum, { delaySeconds }) => sum + delaySeconds, 0);
  return once + repeats * (steps.at(-1)?.delaySeconds ?? 0);
}

type Exchange = OrderCachePolicy['spec']['rabbitmq']['exchanges'][number];
const EXCHANGE_TYPES = { Topic: 'topic', Direct: 'direct', Fanout: 'fanout' } as const;

function exchangeOf({ name, type, managementPolicy }: Exchange): ExchangeDeclaration {
  return { name, type: EXCHANGE_TYPES[type], declared: managementPolicy === 'Declare' };
}

function delayExchange({ exchange }: RetryStep): ExchangeDeclaration {
  return { name: exchange, type: 'fanout', declared: true };
}

/** At-least-once dead-lettering needs overflow reject-publish and a durable target that exists. */
const SAFE_DEAD_LETTERING = {
  'x-queue-type': 'quorum',
  'x-overflow': 'reject-publish',
  'x-dead-letter-exchange': '',
  'x-dead-letter-strategy': 'at-least-once',
} as const;

function workQueue(name: string, deadLetterQueue: string, owner: string): QueueDeclaration {
  const args = {
    ...SAFE_DEAD_LETTERING,
    'x-dead-letter-routing-key': deadLetterQueue,
    'x-delivery-limit': DELIVERY_LIMIT,
    [OWNER_ARGUMENT]: owner,
  };
  return { name, role: 'Work', arguments: args };
}

function deadLetter(name: string, owner: string, maxLength: number): QueueDeclaration {
  const args = {
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-max-length': maxLength,
    [OWNER_ARGUMENT]: owner,
  };
  return { name, role: 'DeadLetter', arguments: args };
}

/** Without a dead-letter routing key a message keeps its own: the queue that it came from. */
function delayQueue({ exchange, delaySeconds }: RetryStep): QueueDeclaration {
  const args = { ...SAFE_DEAD_LETTERING, 'x-message-ttl': delaySeconds * 1000 };
  return { name: exchange, role: 'Delay', arguments: args };
}
