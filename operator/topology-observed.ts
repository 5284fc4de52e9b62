/** What is at the broker, as far as one policy is concerned, and whose it is. Pure. */
import { deadLetterQueueName, delayStepName, OWNER_ARGUMENT } from '../api/names.ts';
import type { Binding, DesiredTopology } from './topology-desired.ts';

export interface ObservedExchange {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
}

export interface ObservedQueue {
  readonly name: string;
  readonly durable: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** What broker policies make of it, as the broker's statistics say; lags by seconds, undefined when it is not known. */
  readonly effectivePolicy: Readonly<Record<string, unknown>> | undefined;
}

export interface ObservedBinding extends Binding {
  /** By which the broker identifies it among those of the same exchange and queue. */
  readonly propertiesKey: string;
  readonly hasArguments: boolean;
}

export interface BrokerPolicy {
  readonly name: string;
  /** A regular expression for names of queues, in Erlang's dialect. */
  readonly pattern: string;
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: Readonly<Record<string, unknown>>;
}

export interface ObservedTopology {
  /** Those that the policy names or wants, by name. */
  readonly exchanges: ReadonlyMap<string, ObservedExchange>;
  /** All of the vhost, by name. */
  readonly queues: ReadonlyMap<string, ObservedQueue>;
  /** Of the work queues that are ours and of the ladder, without the default exchange's. */
  readonly bindings: readonly ObservedBinding[];
  /** Operator policies of the broker, then policies; undefined when they may not be read. */
  readonly policies:
    | { readonly operator: readonly BrokerPolicy[]; readonly user: readonly BrokerPolicy[] }
    | undefined;
}

/** Undefined: the queue was not declared by any installation of this operator. */
export function ownerOfQueue(queue: ObservedQueue): string | undefined {
  const owner = queue.arguments[OWNER_ARGUMENT];
  return typeof owner === 'string' ? owner : undefined;
}

/** Ours, or one of its names that may be taken over. */
export function isOurs(queue: ObservedQueue, desired: DesiredTopology): boolean {
  const owner = ownerOfQueue(queue);
  if (owner === undefined || desired.queuesOfOthers.includes(queue.name)) return false;
  return owner === desired.owner || (desired.adoptFrom.includes(owner) && isRevisionOf(queue.name, desired));
}

/** Adoption is limited to names that this policy's queue can have had, lest it drain another policy's queues. */
export function isRevisionOf(name: string, { queue, revision }: DesiredTopology): boolean {
  const base = revision === 1 ? queue : queue.slice(0, -`.r${revision}`.length);
  return name.startsWith(base) && /^(\.r\d+)?(\.dead)?$/.test(name.slice(base.length));
}

export interface OldQueues {
  /** Work queues of ours that are not the current one: to be unbound, drained and deleted. */
  readonly work: readonly string[];
  /** Dead-letter queues of ours whose work queue is gone: to be deleted once somebody has emptied them. */
  readonly orphanedDeadLetters: readonly string[];
}

export function oldQueues(observed: ObservedTopology, desired: DesiredTopology): OldQueues {
  const ours = [...observed.queues.values()].filter((queue) => isOurs(queue, desired));
  const work = ours
    .filter((queue) => isWorkQueue(queue) && queue.name !== desired.queue)
    .map(({ name }) => name);
  const kept = new Set([desired.queue, ...work].map(deadLetterQueueName));
  const orphans = ours.filter((queue) => !isWorkQueue(queue) && !kept.has(queue.name));
  return { work: work.sort(), orphanedDeadLetters: orphans.map(({ name }) => name).sort() };
}

/** Only work queues dead-letter. */
function isWorkQueue(queue: ObservedQueue): boolean {
  return queue.arguments['x-dead-letter-exchange'] !== undefined;
}

/** The retry ladder of the vhost: what any policy of any installation delays with. */
export function ladderQueues(observed: ObservedTopology): readonly ObservedQueue[] {
  return [...observed.queues.values()].filter(({ name, arguments: args }) => {
    const ttl = args['x-message-ttl'];
    return typeof ttl === 'number' && name === delayStepName(ttl / 1000);
  });
}
