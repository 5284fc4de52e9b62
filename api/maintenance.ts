import type { PauseReason } from './worker-report.ts';

/**
 * The maintenance pod of a policy: one pod, which does what is not bound to an event. It has the configuration file of
 * the workers and `WORKER_ENVIRONMENT`; what is its own comes as variables, so that a request rolls it at once and
 * leaves the workers alone.
 */
export const MAINTENANCE_ENVIRONMENT = {
  /** `spec.catchUp.maxOrdersPerSecond`. */
  maxOrdersPerSecond: 'ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND',
  /** Identifies the value of the annotation ordercache.io/catch-up; absent: none. */
  requested: 'ORDERCACHE_CATCH_UP_REQUESTED',
  /** `status.queueLostAt`; absent: never. */
  queueLost: 'ORDERCACHE_CATCH_UP_QUEUE_LOST',
  /** `spec.outbox.table`; absent: the relay does not run. */
  outboxTable: 'ORDERCACHE_OUTBOX_TABLE',
} as const;

/** Sub-directories of the credentials directory, like `CONNECTIONS` of a worker. */
export const MAINTENANCE_CONNECTIONS = ['redis', 'database', 'outbox-database', 'outbox-rabbitmq'] as const;
export type MaintenanceConnection = (typeof MAINTENANCE_CONNECTIONS)[number];

export const CATCH_UP_TRIGGERS = [
  /** Nothing is known of an earlier one: a new policy, or a Redis that came back without it. */
  'FirstStart',
  /** Other Redis processes are the masters: a failover, a restart, a restored snapshot. */
  'RedisChanged',
  /** The queue had to be declared anew: events may have been lost with it. */
  'QueueLost',
  /** The annotation ordercache.io/catch-up has another value. */
  'Requested',
] as const;
export type CatchUpTrigger = (typeof CATCH_UP_TRIGGERS)[number];

/** Failed: an error that is no outage; it is tried again from where it was. */
export const CATCH_UP_STATES = ['Idle', 'Running', 'Completed', 'Failed'] as const;

/** The last catch-up, or the one that is under way. */
export interface CatchUpReport {
  readonly state: (typeof CATCH_UP_STATES)[number];
  readonly trigger: CatchUpTrigger | null;
  /** RFC 3339. */
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  /** Keys that were compared with the database, in all walks. */
  readonly orders: number;
  /** Of them: the record was another than the row, and is written from it. */
  readonly updated: number;
  /** Of them: the record or placeholder was deleted. */
  readonly dropped: number;
}

/** What the relay of the outbox says. */
export interface RelayReport {
  readonly broker: 'Up' | 'Down';
  readonly database: 'Up' | 'Down';
  /** Since the start: confirmed by the broker and deleted from the table. */
  readonly published: number;
  /** Since the start: attempts that the broker did not take. */
  readonly failures: number;
  /** In the table, as counted last. */
  readonly pending: number;
  readonly failing: number;
  readonly oldestAgeSeconds: number;
}

/** `GET /report` of the maintenance pod, JSON. */
export interface MaintenanceReport {
  readonly policyUid: string;
  readonly configHash: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly state: 'Starting' | 'Running' | 'Paused' | 'Draining';
  readonly pausedBecause: readonly PauseReason[];
  readonly catchUp: CatchUpReport;
  /** Null without spec.outbox. */
  readonly relay: RelayReport | null;
}
