import type { MaintenanceConnection } from '../api/maintenance.ts';
import { queueName } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { CONNECTIONS, type ConnectionName, type RetryStep, type WorkerConfig } from '../api/worker-config.ts';
import type { TopologyResult } from './ports.ts';

/** Where workers consume and where they send what fails: the part of their configuration that RabbitMQ decides. */
export interface WorkerRoute {
  /** The current queue first, then older revisions that are being drained. */
  readonly queues: readonly string[];
  readonly deadLetterQueue: string;
  readonly retrySteps: readonly RetryStep[];
}

/**
 * The route as just declared; while the broker cannot be asked, the one that the workers already have, so that
 * other changes still reach them. Undefined: nothing is known, workers must not be configured.
 */
export function routeOf(
  policy: OrderCachePolicy,
  topology: TopologyResult | undefined,
  configured: WorkerConfig | undefined,
): WorkerRoute | undefined {
  if (topology?.kind === 'Declared') {
    const { queue, drainQueues, deadLetterQueue, retrySteps } = topology;
    return { queues: [queue, ...drainQueues], deadLetterQueue, retrySteps };
  }
  const { name, revision } = policy.spec.rabbitmq.queue;
  const wanted = queueName(policy.metadata, name, revision);
  if (configured === undefined || configured.rabbitmq.queues[0] !== wanted) return undefined;
  const { queues, deadLetterQueue, retry } = configured.rabbitmq;
  return { queues, deadLetterQueue, retrySteps: retry.steps };
}

/** The Secret of each connection that a worker makes. The management Secret is not among them, on purpose. */
export function connectionSecrets(policy: OrderCachePolicy): ReadonlyMap<ConnectionName, string> {
  const { rabbitmq, redis, database } = policy.spec;
  const names: Record<ConnectionName, string | undefined> = {
    rabbitmq: rabbitmq.connectionSecretRef.name,
    redis: redis.connectionSecretRef.name,
    database: database?.connectionSecretRef.name,
  };
  const used = new Map<ConnectionName, string>();
  for (const connection of CONNECTIONS) {
    const secret = names[connection];
    if (secret !== undefined) used.set(connection, secret);
  }
  return used;
}

/** The Secret of each connection that the maintenance pod has. */
export function maintenanceSecrets({ spec }: OrderCachePolicy): ReadonlyMap<MaintenanceConnection, string> {
  const { redis, database, outbox } = spec;
  const used = new Map<MaintenanceConnection, string>([['redis', redis.connectionSecretRef.name]]);
  if (database !== undefined) used.set('database', database.connectionSecretRef.name);
  if (outbox !== undefined) {
    used.set('outbox-database', outbox.databaseSecretRef.name);
    used.set('outbox-rabbitmq', outbox.rabbitmqSecretRef.name);
  }
  return used;
}
