import { API_VERSION, KIND } from '../../api/names.ts';
import type { OrderCachePolicy, OrderCachePolicySpec } from '../../api/policy.ts';
import { SPEC } from '../fixtures/policy.ts';

const RABBITMQ: OrderCachePolicySpec['rabbitmq'] = {
  connectionSecretRef: { name: 'rabbitmq' },
  managementSecretRef: { name: 'rabbitmq-admin' },
  exchanges: [{ name: 'mes', type: 'Topic', managementPolicy: 'Observe' }],
  bindings: [{ exchange: 'mes', routingKey: '#' }],
  queue: { revision: 1 },
  retry: { maxAttempts: 5, initialDelaySeconds: 1, maxDelaySeconds: 60 },
  deadLetter: { maxLength: 100000 },
};

type Changes = {
  readonly spec?: Partial<OrderCachePolicySpec>;
  readonly metadata?: Partial<OrderCachePolicy['metadata']>;
  readonly status?: OrderCachePolicy['status'];
};

/** A policy as the API server returns it, with some parts replaced. */
export function policyWith({ spec, metadata, status }: Changes = {}): OrderCachePolicy {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: {
      name: 'orders',
      namespace: 'shop',
      uid: 'uid-orders',
      generation: 3,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { ...structuredClone({ ...SPEC, rabbitmq: RABBITMQ }), ...spec },
    ...(status && { status }),
  };
}
