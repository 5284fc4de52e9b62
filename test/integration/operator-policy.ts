import type { OrderCachePolicy, OrderCachePolicySpec } from '../../api/policy.ts';
import type { ManagementCredentials } from '../../operator/connection-credentials.ts';
import { SPEC } from '../fixtures/policy.ts';

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
  return { ...SPEC, redis: { ...SPEC.redis, keyPrefix }, ttl: { ...SPEC.ttl, ...ttl } };
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
