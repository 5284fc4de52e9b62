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
  readonly database?: DatabaseSettings;
  readonly prefetchCount: number;
  /** The whole of a worker's shutdown fits into this, in seconds. */
  readonly terminationGracePeriodSeconds: number;
}

/** One step of the retry ladder: its fanout exchange and what it delays by, in seconds. */
export interface RetryStep {
  readonly exchange: string;
  readonly delaySeconds: number;
}

export interface EventSettings {
  readonly format: 'JSON';
  readonly orderIdPointer: string;
  readonly statusPointer: string;
  readonly timestampPointer: string;
  readonly timestampFormat: 'RFC3339' | 'UnixSeconds' | 'UnixMilliseconds' | 'UnixMicroseconds';
  readonly versionPointer?: string;
  /** In bytes. */
  readonly maxBodyBytes: number;
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
