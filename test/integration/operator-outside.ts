import { deadLetterQueueName, queueName } from '../../api/names.ts';
import type { OrderCachePolicy } from '../../api/policy.ts';
import type { Observation } from '../../operator/observation.ts';
import type { Outside } from '../../operator/operator.ts';
import type { ReleaseResult, TopologyResult, TtlResult } from '../../operator/ports.ts';

/** A broker and a Redis where everything succeeds and nothing happens, and which keep what was asked of them. */
export interface QuietOutside extends Outside {
  readonly calls: string[];
  topologyAnswer: ((policy: OrderCachePolicy) => TopologyResult) | undefined;
  releaseAnswer: ((policy: OrderCachePolicy) => ReleaseResult) | undefined;
  ttlAnswer: (() => TtlResult) | undefined;
  observation: Observation;
  /** The next declaration of a policy of this name finds that its queue is gone. */
  queueLostOf: string | undefined;
}

const none = { kind: 'Measured', value: 0 } as const;

export const AT_REST: Observation = {
  ready: none,
  deadLetters: none,
  inFlight: none,
  acknowledgedRate: none,
  arrivalRate: none,
  saturatedWorkerRate: { kind: 'Missing', because: 'not saturated' },
  pauses: [],
  workers: [],
};

export function quietOutside(): QuietOutside {
  const calls: string[] = [];
  const outside: QuietOutside = {
    calls,
    topologyAnswer: undefined,
    releaseAnswer: undefined,
    ttlAnswer: undefined,
    observation: AT_REST,
    queueLostOf: undefined,
    topology: {
      async reconcile(policy, _, onQueueLost) {
        calls.push(`declare ${policy.metadata.name}`);
        if (outside.queueLostOf === policy.metadata.name) {
          outside.queueLostOf = undefined;
          await onQueueLost?.();
        }
        return outside.topologyAnswer?.(policy) ?? declared(policy);
      },
      async release(policy, _, deletionPolicy) {
        calls.push(`release ${policy.metadata.name} ${deletionPolicy}`);
        const queue = nameOf(policy);
        const leftovers = deletionPolicy === 'Retain' ? [`queue ${queue}`] : [];
        return outside.releaseAnswer?.(policy) ?? { kind: 'Released', changes: [], leftovers };
      },
      close: async () => undefined,
    },
    ttl: {
      async publish(policy) {
        calls.push(`publish ${policy.metadata.name}`);
        return outside.ttlAnswer?.() ?? { kind: 'Published', changed: true };
      },
      async retire(policy) {
        calls.push(`retire ${policy.metadata.name}`);
        return { kind: 'Retired', changed: true };
      },
      async erase(policy) {
        calls.push(`erase ${policy.metadata.name}`);
        return { kind: 'Erased', records: 0 };
      },
      forget: () => undefined,
      close: async () => undefined,
    },
    sampler: {
      watch: () => undefined,
      forget: () => undefined,
      view: () => outside.observation,
      close: async () => undefined,
    },
  };
  return outside;
}

export function declared(policy: OrderCachePolicy): TopologyResult {
  const queue = nameOf(policy);
  return {
    kind: 'Declared',
    changes: [],
    queue,
    drainQueues: [],
    deadLetterQueue: deadLetterQueueName(queue),
    retrySteps: [{ exchange: 'ordercache.delay.1s', delaySeconds: 1 }],
  };
}

function nameOf({ metadata, spec }: OrderCachePolicy): string {
  return queueName(metadata, spec.rabbitmq.queue.name, spec.rabbitmq.queue.revision);
}
