import type { Change, MayWrite } from './ports.ts';
import type { Management } from './rabbitmq-management.ts';
import type { PlannedChange } from './topology-diff.ts';

/** One after the other, in the order of the plan. Calls `done` after each, so that a failure does not hide the others. */
export async function applyChanges(
  management: Management,
  changes: readonly PlannedChange[],
  mayWrite: MayWrite,
  done: (change: Change) => void,
): Promise<void> {
  for (const change of changes) {
    mayWrite();
    await apply(management, change);
    done(describe(change));
  }
}

function apply(management: Management, change: PlannedChange): Promise<void> {
  switch (change.kind) {
    case 'DeclareExchange':
      return management.declareExchange(change.exchange);
    case 'DeclareQueue':
      return management.declareQueue(change.queue);
    case 'Bind':
      return management.bind(change.binding);
    case 'Unbind':
      return management.unbind(change.binding);
  }
}

function describe(change: PlannedChange): Change {
  switch (change.kind) {
    case 'DeclareExchange': {
      const { name, type } = change.exchange;
      return { action: 'Declared', object: 'Exchange', name, message: `Declared ${type} exchange ${name}` };
    }
    case 'DeclareQueue': {
      const { name } = change.queue;
      return { action: 'Declared', object: 'Queue', name, message: `Declared queue ${name}` };
    }
    case 'Bind':
    case 'Unbind': {
      const { queue, exchange, routingKey } = change.binding;
      const action = change.kind === 'Bind' ? 'Bound' : 'Unbound';
      const way = change.kind === 'Bind' ? 'to' : 'from';
      const message = `${action} queue ${queue} ${way} exchange ${exchange}, routing key "${routingKey}"`;
      return { action, object: 'Binding', name: `${exchange} -> ${queue}`, message };
    }
  }
}
