import { createHash } from 'node:crypto';
import type { OrderCachePolicy } from '../api/policy.ts';
import {
  type ConfirmationSettings,
  DEFAULT_POINTERS,
  type EventSettings,
  type WorkerConfig,
} from '../api/worker-config.ts';
import type { WorkerRoute } from './worker-route.ts';

export const CONFIG_KEY = 'config.json';

/** config.json as workers read it, and the hash by which a change rolls them. */
export interface ConfigFile {
  readonly text: string;
  /** First 16 hexadecimal digits of the SHA-256 of the text. */
  readonly hash: string;
}

export function configFile(policy: OrderCachePolicy, route: WorkerRoute): ConfigFile {
  const text = `${JSON.stringify(workerConfig(policy, route), null, 2)}\n`;
  return { text, hash: createHash('sha256').update(text).digest('hex').slice(0, 16) };
}

/** What the workers run with now, as far as it can be read from their ConfigMap. */
export function parseConfigFile(text: string | undefined): WorkerConfig | undefined {
  try {
    const config = JSON.parse(text ?? '') as WorkerConfig;
    return Array.isArray(config.rabbitmq.queues) && Array.isArray(config.rabbitmq.retry.steps)
      ? config
      : undefined;
  } catch {
    return undefined;
  }
}

function workerConfig({ metadata, spec }: OrderCachePolicy, route: WorkerRoute): WorkerConfig {
  const { namespace, name, uid } = metadata;
  return {
    policy: { namespace, name, uid },
    strategy: spec.strategy,
    event: eventSettings(spec.event),
    rabbitmq: {
      queues: route.queues,
      deadLetterQueue: route.deadLetterQueue,
      retry: { maxAttempts: spec.rabbitmq.retry.maxAttempts, steps: route.retrySteps },
    },
    redis: { keyPrefix: spec.redis.keyPrefix },
    ...(spec.database && {
      database: {
        table: spec.database.table,
        columns: columns(spec.database.columns),
        writer: spec.database.writer,
      },
    }),
    ...(spec.confirmation && { confirmation: confirmation(spec.confirmation) }),
    prefetchCount: spec.workers.prefetchCount,
    terminationGracePeriodSeconds: spec.workers.terminationGracePeriodSeconds,
  };
}

/** Spelled out, so that neither the order of fields nor a field that workers do not know changes the hash. */
function eventSettings(event: OrderCachePolicy['spec']['event']): EventSettings {
  const pointers = DEFAULT_POINTERS[event.format];
  return {
    format: event.format,
    orderIdPointer: event.orderIdPointer ?? pointers.orderIdPointer,
    statusPointer: event.statusPointer ?? pointers.statusPointer,
    timestampPointer: event.timestampPointer ?? pointers.timestampPointer,
    timestampFormat: event.timestampFormat,
    ...(event.versionPointer !== undefined && { versionPointer: event.versionPointer }),
    versionFormat: event.versionFormat,
    maxClockSkewSeconds: event.maxClockSkewSeconds,
    maxBodyBytes: event.maxBodyBytes,
  };
}

function confirmation({
  exchange,
  routingKey,
  replyTo,
}: NonNullable<OrderCachePolicy['spec']['confirmation']>): ConfirmationSettings {
  return { ...(exchange !== undefined && { exchange }), routingKey, replyTo };
}

function columns({ orderId, status, version }: { orderId: string; status: string; version: string }) {
  return { orderId, status, version };
}
