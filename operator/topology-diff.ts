/**
 * What must change at the broker, and what stands in the way. Pure. Changes never delete a queue or an exchange, and
 * never touch what is not ours; they come in an order in which no event can miss the queue.
 */
import { ADOPT_ANNOTATION, OWNER_ARGUMENT } from '../api/names.ts';
import { displacedBy } from './broker-policies.ts';
import type { Problem } from './ports.ts';
import type { Binding, DesiredTopology, ExchangeDeclaration, QueueDeclaration } from './topology-desired.ts';
import {
  isOurs,
  type ObservedBinding,
  type ObservedQueue,
  type ObservedTopology,
  oldQueues,
  ownerOfQueue,
} from './topology-observed.ts';

export type PlannedChange =
  | { readonly kind: 'DeclareExchange'; readonly exchange: ExchangeDeclaration }
  | { readonly kind: 'DeclareQueue'; readonly queue: QueueDeclaration }
  | { readonly kind: 'Bind'; readonly binding: Binding }
  | { readonly kind: 'Unbind'; readonly binding: ObservedBinding };

export interface TopologyDiff {
  readonly changes: readonly PlannedChange[];
  /** The changes are right in spite of them. The first one is the one to report. */
  readonly problems: readonly Problem[];
  /** Existing queues of ours that this policy was not known to use. */
  readonly adopted: readonly { readonly queue: string; readonly owner: string }[];
}

export function diffTopology(observed: ObservedTopology, desired: DesiredTopology): TopologyDiff {
  const foreign = foreignQueues(observed, desired);
  if (foreign.length > 0) return { changes: [], problems: foreign, adopted: [] };
  const problems = [
    ...desired.exchanges.flatMap((exchange) => exchangeProblem(observed, exchange)),
    ...desired.queues.flatMap((queue) => queueProblem(observed, desired, queue)),
  ];
  const changes = [
    ...desired.exchanges
      .filter((each) => each.declared && !observed.exchanges.has(each.name))
      .map(declareExchange),
    ...desired.queues.filter(({ name }) => !observed.queues.has(name)).map(declareQueue),
    ...missingBindings(observed, desired).map(bind),
    ...surplusBindings(observed, desired, problems.length === 0).map(unbind),
  ];
  return { changes, problems, adopted: adoptedQueues(observed, desired) };
}

const declareExchange = (exchange: ExchangeDeclaration) => ({ kind: 'DeclareExchange' as const, exchange });
const declareQueue = (queue: QueueDeclaration) => ({ kind: 'DeclareQueue' as const, queue });
const bind = (binding: Binding) => ({ kind: 'Bind' as const, binding });
const unbind = (binding: ObservedBinding) => ({ kind: 'Unbind' as const, binding });

function foreignQueues(observed: ObservedTopology, desired: DesiredTopology): Problem[] {
  return desired.queues.flatMap(({ name, role }) => {
    const queue = observed.queues.get(name);
    if (role === 'Delay' || queue === undefined || isOurs(queue, desired)) return [];
    const owner = ownerOfQueue(queue);
    if (owner === undefined) {
      const message = `Queue ${name} exists and was not declared by this operator (it has no argument ${OWNER_ARGUMENT}); `;
      return [
        problem(
          'QueueOwnedByOther',
          `${message}choose another spec.rabbitmq.queue.name, or delete the queue`,
        ),
      ];
    }
    const message =
      `Queue ${name} belongs to ${owner}; choose another spec.rabbitmq.queue.name, or, if that owner is gone, take it ` +
      `over: set the annotation ${ADOPT_ANNOTATION}: ${owner} on this OrderCachePolicy`;
    return [problem('QueueOwnedByOther', message)];
  });
}

function exchangeProblem(
  observed: ObservedTopology,
  { name, type, declared }: ExchangeDeclaration,
): Problem[] {
  const exchange = observed.exchanges.get(name);
  if (exchange === undefined) {
    if (declared) return [];
    const message = `Exchange ${name} does not exist; its owner must create it, or set managementPolicy: Declare`;
    return [{ ...problem('ExchangeNotFound', message), retryable: true }];
  }
  if (exchange.type !== type) {
    return [problem('ExchangeMismatch', `Exchange ${name}: expected type ${type}, it is ${exchange.type}`)];
  }
  if (declared && !exchange.durable) {
    const message = `Exchange ${name}: expected a durable one, it is transient and would take the bindings with it`;
    return [problem('ExchangeMismatch', message)];
  }
  return [];
}

function queueProblem(
  observed: ObservedTopology,
  desired: DesiredTopology,
  queue: QueueDeclaration,
): Problem[] {
  const existing = observed.queues.get(queue.name);
  if (existing === undefined) return [];
  const differences = argumentDifferences(queue, existing);
  if (differences.length > 0) return [argumentsChanged(queue, desired, differences)];
  const displaced = displacedBy(queue, existing, observed.policies);
  return displaced === undefined ? [] : [{ ...problem('BrokerPolicyConflict', displaced), retryable: true }];
}

function argumentsChanged(queue: QueueDeclaration, desired: DesiredTopology, differences: string[]): Problem {
  const what = `Queue ${queue.name}: ${differences.join(', ')}. RabbitMQ cannot change the arguments of a queue: `;
  const remedy =
    queue.role === 'Delay'
      ? 'delete the queue once it is empty, it is declared again'
      : `raise spec.rabbitmq.queue.revision to ${desired.revision + 1}; the old queue is drained and then deleted`;
  return problem('QueueArgumentsChanged', what + remedy);
}

/** The owner is not compared: an adopted queue keeps the one it was declared with. */
function argumentDifferences(queue: QueueDeclaration, existing: ObservedQueue): string[] {
  const names = new Set([...Object.keys(queue.arguments), ...Object.keys(existing.arguments)]);
  names.delete(OWNER_ARGUMENT);
  const differences = [...names].sort().flatMap((name) => {
    const expected = queue.arguments[name];
    const actual = existing.arguments[name];
    return expected === actual ? [] : [`expected ${print(name, expected)}, it has ${print(name, actual)}`];
  });
  return existing.durable ? differences : ['expected a durable queue', ...differences];
}

function print(name: string, value: unknown): string {
  return value === undefined ? `no ${name}` : `${name} ${JSON.stringify(value)}`;
}

function missingBindings(observed: ObservedTopology, desired: DesiredTopology): Binding[] {
  const present = new Set(observed.bindings.filter(({ hasArguments }) => !hasArguments).map(identity));
  const usable = desired.exchanges.filter((exchange) => exchangeProblem(observed, exchange).length === 0);
  const names = new Set(usable.map(({ name }) => name));
  return desired.bindings.filter((each) => names.has(each.exchange) && !present.has(identity(each)));
}

/** Old revisions keep their bindings until the new queue has all of its own. */
function surplusBindings(
  observed: ObservedTopology,
  desired: DesiredTopology,
  isComplete: boolean,
): ObservedBinding[] {
  const wanted = new Set(desired.bindings.map(identity));
  const old = new Set(oldQueues(observed, desired).work);
  return observed.bindings.filter((each) => {
    if (old.has(each.queue)) return isComplete;
    return each.queue === desired.queue && (each.hasArguments || !wanted.has(identity(each)));
  });
}

function identity({ exchange, queue, routingKey }: Binding): string {
  return JSON.stringify([exchange, queue, routingKey]);
}

function adoptedQueues(observed: ObservedTopology, desired: DesiredTopology): TopologyDiff['adopted'] {
  if (desired.knownQueue === desired.queue) return [];
  return desired.queues.flatMap(({ name, role }) => {
    const existing = observed.queues.get(name);
    const owner = existing === undefined ? undefined : ownerOfQueue(existing);
    return role === 'Work' && owner !== undefined ? [{ queue: name, owner }] : [];
  });
}

function problem(reason: Problem['reason'], message: string): Problem {
  return { kind: 'Problem', reason, message, retryable: false };
}
