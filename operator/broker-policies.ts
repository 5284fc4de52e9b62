/**
 * Broker policies that change what our queues do. All our settings are queue arguments; of a key that stands in both,
 * the argument wins, except for limits, where the lesser one does. Pure.
 */
import type { QueueDeclaration } from './topology-desired.ts';
import type { BrokerPolicy, ObservedQueue, ObservedTopology } from './topology-observed.ts';

/** Where both are given the broker takes the lesser. */
const LIMITS = ['max-length', 'max-length-bytes', 'message-ttl', 'delivery-limit', 'expires'];
const DEAD_LETTERING = [
  'dead-letter-exchange',
  'dead-letter-routing-key',
  'dead-letter-strategy',
  'overflow',
];

/** A sentence about what a broker policy does to this queue; undefined: nothing. */
export function displacedBy(
  queue: QueueDeclaration,
  observed: ObservedQueue,
  policies: ObservedTopology['policies'],
): string | undefined {
  const { names, definition } = effective(queue.name, observed, policies);
  const keys = Object.keys(definition).filter((key) => displaces(queue, key, definition[key]));
  if (keys.length === 0) return undefined;
  const by = names.length > 0 ? `Broker policy ${names.join(' and ')}` : 'A broker policy';
  return `${by} sets ${keys.sort().join(', ')} for queue ${queue.name}; exclude the queue from the policy's pattern`;
}

function displaces(queue: QueueDeclaration, key: string, value: unknown): boolean {
  const ours = queue.arguments[`x-${key}`];
  if (DEAD_LETTERING.includes(key)) return ours === undefined;
  if (!LIMITS.includes(key)) return false;
  return typeof ours !== 'number' || (typeof value === 'number' && value < ours);
}

interface Effective {
  readonly names: readonly string[];
  readonly definition: Readonly<Record<string, unknown>>;
}

/** Only one policy of each kind applies, the one of the highest priority. */
function effective(name: string, queue: ObservedQueue, policies: ObservedTopology['policies']): Effective {
  const seen = { names: [], definition: queue.effectivePolicy ?? {} };
  if (policies === undefined) return seen;
  const applying = [winner(name, policies.user), winner(name, policies.operator)];
  if (applying.includes('Unreadable')) return seen;
  const both = applying.filter((policy) => typeof policy === 'object');
  return {
    names: both.map((policy) => policy.name),
    definition: Object.assign({}, ...both.map((policy) => policy.definition)),
  };
}

function winner(name: string, policies: readonly BrokerPolicy[]): BrokerPolicy | 'Unreadable' | undefined {
  const forQueues = policies.filter(
    ({ applyTo }) => applyTo !== 'exchanges' && !/^(classic|stream)/.test(applyTo),
  );
  let best: BrokerPolicy | undefined;
  for (const policy of forQueues) {
    const matches = matchesName(policy.pattern, name);
    if (matches === undefined) return 'Unreadable';
    if (matches && (best === undefined || policy.priority > best.priority)) best = policy;
  }
  return best;
}

/** Undefined: Erlang knows this expression, JavaScript does not. */
function matchesName(pattern: string, name: string): boolean | undefined {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return undefined;
  }
}
