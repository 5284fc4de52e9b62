/**
 * What a worker tells the operator: `GET /report` on its HTTP port, JSON. It answers with Redis, RabbitMQ and the
 * database down. Counters start at 0 with the process; `startedAt` tells one process from the next.
 */
export interface WorkerReport {
  readonly policyUid: string;
  /** Hash of the configuration that this process runs with. */
  readonly configHash: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly state: (typeof WORKER_STATES)[number];
  /** Why state is Paused; empty otherwise. */
  readonly pausedBecause: readonly PauseReason[];
  /** Messages delivered and not yet acknowledged. */
  readonly inFlight: number;
  readonly prefetchCount: number;
  /** Messages acknowledged since the start, dead-lettered and retried ones included. */
  readonly acknowledged: number;
  /** Acknowledged messages by outcome. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Revision of the TTL table in use; null when Redis has none (nothing is written then, only dropped). */
  readonly ttlRevision: number | null;
}

export const WORKER_STATES = ['Starting', 'Consuming', 'Paused', 'Draining'] as const;

export const PAUSE_REASONS = [
  'RabbitMQUnavailable',
  'RedisUnavailable',
  'DatabaseUnavailable',
  /** A retry or dead letter cannot be published: the queue is full or missing. */
  'DeadLetterUnavailable',
  /** A confirmation cannot be published: its exchange is missing, or the broker blocks publishing. */
  'ConfirmationUnavailable',
] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

export const OUTCOMES = [
  /** The record was written from the row. */
  'updated',
  /** The record was dropped. */
  'invalidated',
  /** The order was not in the cache; nothing was written. */
  'absent',
  /** The record already was what the row says. */
  'unchanged',
  /** The row behind a versioned event never became visible; the cache follows the row that is. */
  'unseen',
  /** Sent to a delay queue for another attempt. */
  'retried',
  'dead-lettered',
] as const;
export type Outcome = (typeof OUTCOMES)[number];
