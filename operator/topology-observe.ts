/** Reads from the broker what the decisions about one policy need. */
import type { Management } from './rabbitmq-management.ts';
import type { DesiredTopology } from './topology-desired.ts';
import { type ObservedTopology, oldQueues } from './topology-observed.ts';

/** Rejects with BrokerFailure. */
export async function observeTopology(
  management: Management,
  desired: DesiredTopology,
): Promise<ObservedTopology> {
  const list = await management.queues();
  const queues = new Map(list.map((queue) => [queue.name, queue]));
  const base = { exchanges: new Map(), queues, bindings: [], policies: undefined };
  const [exchanges, bindings, operator, user] = await Promise.all([
    Promise.all(desired.exchanges.map(({ name }) => management.exchange(name))),
    Promise.all(queuesToAsk(base, desired).map((name) => management.bindingsOf(name))),
    management.policies('operator-policies'),
    management.policies('policies'),
  ]);
  const found = exchanges.filter((exchange) => exchange !== undefined);
  return {
    exchanges: new Map(found.map((exchange) => [exchange.name, exchange])),
    queues,
    bindings: bindings.flat(),
    policies: operator === undefined || user === undefined ? undefined : { operator, user },
  };
}

/** Whose bindings are compared: the work queues that are ours, and the ladder. */
function queuesToAsk(observed: ObservedTopology, desired: DesiredTopology): string[] {
  const ladder = desired.retrySteps.map(({ exchange }) => exchange);
  const names = [desired.queue, ...oldQueues(observed, desired).work, ...ladder];
  return names.filter((name) => observed.queues.has(name));
}
