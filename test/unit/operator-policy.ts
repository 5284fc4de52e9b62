import { API_VERSION, KIND } from '../../api/names.ts';
import type { OrderCachePolicy, OrderCachePolicySpec } from '../../api/policy.ts';

const SPEC: OrderCachePolicySpec = {
  suspend: false,
  deletionPolicy: 'Retain',
  event: {
    format: 'JSON',
    orderIdPointer: '/orderId',
    statusPointer: '/status',
    timestampPointer: '/timestamp',
    timestampFormat: 'RFC3339',
    versionFormat: 'Integer',
    maxClockSkewSeconds: 60,
    maxBodyBytes: 65536,
  },
  rabbitmq: {
    connectionSecretRef: { name: 'rabbitmq' },
    managementSecretRef: { name: 'rabbitmq-admin' },
    exchanges: [{ name: 'mes', type: 'Topic', managementPolicy: 'Observe' }],
    bindings: [{ exchange: 'mes', routingKey: '#' }],
    queue: { revision: 1 },
    retry: { maxAttempts: 5, initialDelaySeconds: 1, maxDelaySeconds: 60 },
    deadLetter: { maxLength: 100000 },
  },
  redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: 'order:' },
  database: {
    connectionSecretRef: { name: 'orders-db' },
    table: 'orders',
    columns: { orderId: 'id', status: 'status', version: 'version' },
    writer: 'Initiator',
  },
  strategy: 'WriteThrough',
  ttl: { defaultSeconds: 3600, jitterPercent: 10, absentSeconds: 0, statuses: [] },
  workers: {
    prefetchCount: 500,
    resources: { requests: { cpu: '250m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    terminationGracePeriodSeconds: 30,
  },
  maintenance: { resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '192Mi' } } },
  catchUp: { maxOrdersPerSecond: 1000 },
  scaling: { mode: 'Auto', minReplicas: 1, maxReplicas: 10, targetDrainSeconds: 30, behavior: {} },
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
    spec: { ...structuredClone(SPEC), ...spec },
    ...(status && { status }),
  };
}
