import type { OrderCachePolicy, OrderCachePolicySpec } from '../../api/policy.ts';
import type { ManagementCredentials } from '../../operator/ports.ts';

type RabbitMq = OrderCachePolicySpec['rabbitmq'];

export interface PolicyChanges {
  readonly name?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly knownQueue?: string;
  readonly annotations?: Record<string, string>;
  readonly keyPrefix?: string;
  readonly ttl?: Partial<OrderCachePolicySpec['ttl']>;
  readonly rabbitmq?: Partial<RabbitMq>;
}

/** A policy `shop/orders` as the API server returns it, with both kinds of exchanges. */
export function policyWith(changes: PolicyChanges = {}): OrderCachePolicy {
  const { name = 'orders', uid = 'uid-orders', generation = 1, knownQueue, annotations, keyPrefix } = changes;
  return {
    apiVersion: 'ordercache.io/v1alpha1',
    kind: 'OrderCachePolicy',
    metadata: {
      name,
      namespace: 'shop',
      uid,
      generation,
      resourceVersion: '1',
      creationTimestamp: '2026-11-22T12:00:00Z',
      ...(annotations && { annotations }),
    },
    spec: { ...spec(keyPrefix ?? 'order:', changes.ttl), rabbitmq: { ...rabbitmq, ...changes.rabbitmq } },
    ...(knownQueue && { status: { queue: knownQueue } }),
  };
}

const rabbitmq: RabbitMq = {
  connectionSecretRef: { name: 'rabbitmq' },
  managementSecretRef: { name: 'rabbitmq-admin' },
  exchanges: [
    { name: 'mes', type: 'Topic', managementPolicy: 'Observe' },
    { name: 'crm', type: 'Topic', managementPolicy: 'Declare' },
  ],
  bindings: [
    { exchange: 'mes', routingKey: 'mes.order.status.#' },
    { exchange: 'crm', routingKey: 'crm.order.status.#' },
  ],
  queue: { revision: 1 },
  retry: { maxAttempts: 3, initialDelaySeconds: 1, maxDelaySeconds: 60 },
  deadLetter: { maxLength: 1000 },
};

function spec(keyPrefix: string, ttl: PolicyChanges['ttl']): Omit<OrderCachePolicySpec, 'rabbitmq'> {
  return {
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
    redis: { connectionSecretRef: { name: 'redis' }, keyPrefix },
    database: {
      connectionSecretRef: { name: 'orders-db' },
      table: 'orders',
      columns: { orderId: 'id', status: 'status', version: 'version' },
      writer: 'Initiator',
    },
    strategy: 'WriteThrough',
    ttl: { defaultSeconds: 3600, jitterPercent: 10, absentSeconds: 0, statuses: [], ...ttl },
    workers: {
      prefetchCount: 500,
      resources: { requests: { cpu: '250m', memory: '128Mi' }, limits: { memory: '256Mi' } },
      terminationGracePeriodSeconds: 30,
    },
    maintenance: { resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '192Mi' } } },
    catchUp: { maxOrdersPerSecond: 1000 },
    scaling: { mode: 'Auto', minReplicas: 1, maxReplicas: 10, targetDrainSeconds: 30, behavior: {} },
  };
}

/** Of a URI with login; `management` as in the Secret. */
export function credentialsFor(amqpUri: string, managementUri: string, vhost: string): ManagementCredentials {
  const amqp = new URL(amqpUri);
  const management = new URL(managementUri);
  return {
    tlsEnabled: false,
    host: amqp.hostname,
    port: Number(amqp.port),
    vhost,
    username: decodeURIComponent(amqp.username),
    password: decodeURIComponent(amqp.password),
    tls: {},
    managementUri: management.origin,
  };
}
