/**
 * What the operator tells the workers: the file `config.json` of the ConfigMap that is mounted in each worker pod.
 * Secrets are not in it; they are mounted as files (`CREDENTIALS_DIRECTORY/<rabbitmq|redis|database>/<key>`).
 */
export interface WorkerConfig {
  readonly policy: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly strategy: 'WriteThrough' | 'ReadThrough';
  readonly event: EventSettings;
  readonly rabbitmq: {
    /** Consumed queues: the current one first, then older revisions that are being drained. */
    readonly queues: readonly string[];
    readonly deadLetterQueue: string;
    readonly retry: {
      readonly maxAttempts: number;
      /** Delay before attempt 2, 3, ...: the last one repeats. */
      readonly steps: readonly RetryStep[];
    };
  };
  readonly redis: { readonly keyPrefix: string };
  readonly database?: DatabaseSettings & { readonly writer: 'Initiator' | 'Worker' };
  readonly confirmation?: ConfirmationSettings;
  readonly prefetchCount: number;
  /** The whole of a worker's shutdown fits into this, in seconds. */
  readonly terminationGracePeriodSeconds: number;
}

/** One step of the retry ladder: its fanout exchange and what it delays by, in seconds. */
export interface RetryStep {
  readonly exchange: string;
  readonly delaySeconds: number;
}

export const EVENT_FORMATS = ['JSON', 'CloudEvents', 'DebeziumOutbox'] as const;
export type EventFormat = (typeof EVENT_FORMATS)[number];

/** How events are read unless the policy says otherwise. */
export const DEFAULT_EVENT = {
  format: 'JSON',
  timestampFormat: 'RFC3339',
  versionFormat: 'Integer',
  maxClockSkewSeconds: 60,
  maxBodyBytes: 65536,
} as const satisfies Partial<EventSettings>;

/** Where the fields of an event are unless the policy says otherwise. */
export const DEFAULT_POINTERS = {
  JSON: { orderIdPointer: '/orderId', statusPointer: '/status', timestampPointer: '/timestamp' },
  CloudEvents: { orderIdPointer: '/subject', statusPointer: '/data/status', timestampPointer: '/time' },
  DebeziumOutbox: { orderIdPointer: '/orderId', statusPointer: '/status', timestampPointer: '/timestamp' },
} as const satisfies Readonly<Record<EventFormat, Partial<EventSettings>>>;

export interface EventSettings {
  readonly format: EventFormat;
  readonly orderIdPointer: string;
  readonly statusPointer: string;
  readonly timestampPointer: string;
  readonly timestampFormat: 'RFC3339' | 'UnixSeconds' | 'UnixMilliseconds' | 'UnixMicroseconds';
  readonly versionPointer?: string;
  /** Timestamp: written as `timestampFormat` says, compared as whole microseconds since 1970. */
  readonly versionFormat: 'Integer' | 'Timestamp';
  readonly maxClockSkewSeconds: number;
  /** In bytes. */
  readonly maxBodyBytes: number;
}

/** What the worker publishes when the cache is right, before it acknowledges. */
export interface ConfirmationSettings {
  /** Absent: confirmations go to nobody but the message's reply-to. */
  readonly exchange?: string;
  readonly routingKey: string;
  readonly replyTo: boolean;
}

export interface DatabaseSettings {
  readonly table: string;
  readonly columns: { readonly orderId: string; readonly status: string; readonly version: string };
}

/** Names versions that can be compared with each other: `<table>.<version column>`. */
export function versionSource(database: DatabaseSettings): string {
  return `${database.table}.${database.columns.version}`;
}

/** Environment of a worker pod. */
export const WORKER_ENVIRONMENT = {
  /** Path of config.json. */
  configFile: 'ORDERCACHE_CONFIG_FILE',
  /** Hash that config.json must have; a worker waits until the mounted file has it. */
  configHash: 'ORDERCACHE_CONFIG_HASH',
  /** Directory with one sub-directory per connection, one file per Secret key. */
  credentialsDirectory: 'ORDERCACHE_CREDENTIALS_DIRECTORY',
  /** Port of /healthz, /readyz, /metrics and /report. */
  httpPort: 'ORDERCACHE_HTTP_PORT',
  logLevel: 'ORDERCACHE_LOG_LEVEL',
} as const;

export const WORKER_HTTP_PORT = 8080;
export const CONNECTIONS = ['rabbitmq', 'redis', 'database'] as const;
export type ConnectionName = (typeof CONNECTIONS)[number];
