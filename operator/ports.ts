/**
 * What the reconciler asks of the broker, Redis, the sampler and the scaling formula. Implementations:
 * credentials.ts, topology.ts, ttl-publisher.ts, sampler.ts, scaling.ts. No call throws for what the outside world
 * does: that comes back as a `Problem`; only what `mayWrite` throws passes through. Every call ends within its deadline (30 s at most).
 */
import type { ConditionReason } from '../api/conditions.ts';
import type { MaintenanceReport } from '../api/maintenance.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { RetryStep } from '../api/worker-config.ts';
import type { PauseReason, WorkerReport } from '../api/worker-report.ts';
import type { RedisCredentials } from '../cache/ttl-table-redis.ts';

export type { RedisCredentials };

/** Why something cannot be done, ready for a condition: no secrets, no numbers that tick. */
export interface Problem {
  readonly kind: 'Problem';
  readonly reason: ConditionReason;
  readonly message: string;
  /** true: the outside world may heal by itself, try again with backoff. false: somebody must change something. */
  readonly retryable: boolean;
}

// --- credentials -----------------------------------------------------------------------------------------------

/** The `data` of a Secret, decoded from base64 and UTF-8. */
export type SecretData = Readonly<Record<string, string>>;

/** PEM texts, as far as the Secret has them. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One broker, vhost and user; `managementUri` only from the management Secret. */
export interface RabbitMqCredentials {
  readonly tlsEnabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly username: string;
  readonly password: string;
  readonly tls: TlsMaterial;
}

export interface ManagementCredentials extends RabbitMqCredentials {
  /** `http(s)://host:port`, perhaps with a path, without credentials and without a slash at the end. */
  readonly managementUri: string;
}

/** Names the key and what was expected, never the value. */
export type Parsed<C> =
  | { readonly kind: 'Credentials'; readonly credentials: C }
  | {
      readonly kind: 'Problem';
      readonly reason: 'SecretInvalid';
      readonly message: string;
      readonly retryable: false;
    };

// --- RabbitMQ topology -----------------------------------------------------------------------------------------

/** One thing that was done at the broker, for an event and the log. */
export interface Change {
  readonly action: 'Declared' | 'Adopted' | 'Bound' | 'Unbound' | 'Deleted';
  readonly object: 'Exchange' | 'Queue' | 'Binding';
  readonly name: string;
  /** A sentence for people: 'Bound queue a to exchange b with routing key c'. */
  readonly message: string;
}

export type TopologyResult =
  | {
      readonly kind: 'Declared';
      readonly changes: readonly Change[];
      readonly queue: string;
      /** Older revisions that still may hold messages: WorkerConfig.rabbitmq.queues after `queue`. */
      readonly drainQueues: readonly string[];
      readonly deadLetterQueue: string;
      /** The ladder as WorkerConfig wants it, in order of attempts. */
      readonly retrySteps: readonly RetryStep[];
      /** Reconcile again after so many seconds: an old revision is being drained. */
      readonly recheckAfterSeconds?: number;
    }
  | (Problem & { readonly changes: readonly Change[] });

export type ReleaseResult =
  | {
      readonly kind: 'Released';
      readonly changes: readonly Change[];
      /** What of ours stays at the broker, as sentences; always so with Retain. */
      readonly leftovers: readonly string[];
    }
  /** Messages on their way through the retry ladder may still return: call again after so many seconds. */
  | {
      readonly kind: 'Waiting';
      readonly changes: readonly Change[];
      readonly seconds: number;
      readonly message: string;
    }
  | (Problem & { readonly changes: readonly Change[] });

/** Throws when this process may no longer write (lease lost). What it throws passes through every call. */
export type MayWrite = () => void;

export interface TopologyOptions {
  readonly installation: string;
  /** Called right before each write to the broker. */
  readonly mayWrite: MayWrite;
}

export interface Topology {
  /**
   * Makes the broker equal to the policy, and reads it back. Conflicts between policies are the caller's.
   * `onQueueLost` is awaited before the queue that status.queue names is declared anew: it was there, and events may
   * have been lost with it. What it throws passes through.
   */
  reconcile(
    policy: OrderCachePolicy,
    credentials: ManagementCredentials,
    onQueueLost?: () => Promise<void>,
  ): Promise<TopologyResult>;
  /**
   * Gives up the policy's queues. Retain touches nothing and needs no broker. Delete expects that the workers are
   * gone: unbinds, then deletes what is empty, else QueueNotEmpty (retryable).
   */
  release(
    policy: OrderCachePolicy,
    credentials: ManagementCredentials | null,
    deletionPolicy: 'Retain' | 'Delete',
  ): Promise<ReleaseResult>;
  close(): Promise<void>;
}

// --- TTL table -------------------------------------------------------------------------------------------------

export type TtlResult = { readonly kind: 'Published'; readonly changed: boolean } | Problem;
export type RetireResult = { readonly kind: 'Retired'; readonly changed: boolean } | Problem;
export type EraseResult =
  | { readonly kind: 'Erased'; readonly records: number }
  /** Retired; processes may still write for so many seconds. Call again then. */
  | { readonly kind: 'Waiting'; readonly seconds: number; readonly message: string }
  | Problem;

export interface TtlPublisher {
  /**
   * Writes the table if Redis has another or none; from then on it is looked at every 2 s, and
   * `TtlPublisherOptions.onDrift` is called when it is missing or not ours, until `forget`, `retire` or `erase`.
   * Another owner's active table is a Problem KeyPrefixConflict.
   */
  publish(policy: OrderCachePolicy, credentials: RedisCredentials): Promise<TtlResult>;
  /** For Retain: says "retired"; the mark expires after the longest life a record can have. */
  retire(policy: OrderCachePolicy, credentials: RedisCredentials): Promise<RetireResult>;
  /** For Delete: retires, lets 5 s pass, deletes records, then the table. */
  erase(policy: OrderCachePolicy, credentials: RedisCredentials): Promise<EraseResult>;
  /** Stops looking (policy gone or suspended) and closes the connection if no other policy uses it. */
  forget(policyUid: string): void;
  close(): Promise<void>;
}

export interface TtlPublisherOptions {
  readonly installation: string;
  /** Called right before each write to Redis. */
  readonly mayWrite: MayWrite;
  /** Redis came back without the table, or with another: reconcile this policy. Never awaited, must not throw. */
  readonly onDrift: (policyUid: string) => void;
}

// --- samples ---------------------------------------------------------------------------------------------------

export interface WorkerPod {
  readonly name: string;
  readonly ip: string;
  /** The pod's Ready condition. */
  readonly ready: boolean;
}

export interface SampleTarget {
  readonly policyUid: string;
  readonly credentials: ManagementCredentials;
  readonly queue: string;
  readonly drainQueues: readonly string[];
  readonly deadLetterQueue: string;
  /** All that have an IP and have not ended, terminating ones too. */
  readonly pods: readonly WorkerPod[];
  /** The maintenance pod; two for a moment while it is replaced. */
  readonly maintenancePods: readonly WorkerPod[];
}

/** A number that is known, or the reason why it is not. It is never 0 by accident. */
export type Measurement<T = number> =
  | { readonly kind: 'Measured'; readonly value: T }
  | { readonly kind: 'Missing'; readonly because: string };

export interface Observation {
  /** Messages ready in the queue and the older revisions. */
  readonly ready: Measurement;
  readonly deadLetters: Measurement;
  /** Delivered and not acknowledged, over all workers. */
  readonly inFlight: Measurement;
  /** Events per second over all workers, over some seconds. */
  readonly acknowledgedRate: Measurement;
  /** Acknowledged plus the growth of the backlog, events per second, over some seconds. */
  readonly arrivalRate: Measurement;
  /** Events per second of one worker, seen while the workers had all the work they could take. */
  readonly saturatedWorkerRate: Measurement;
  /** Of the workers that reported last, each reason once. */
  readonly pauses: readonly PauseReason[];
  readonly workers: readonly WorkerSight[];
  /** What the maintenance pod reported last; absent when it does not report. */
  readonly maintenance?: MaintenanceSight;
}

export type MaintenanceSight = Pick<MaintenanceReport, 'startedAt' | 'pausedBecause' | 'catchUp'>;

/** What a worker reported last. */
export interface WorkerSight
  extends Pick<WorkerReport, 'configHash' | 'state' | 'pausedBecause' | 'ttlRevision'> {
  readonly pod: string;
  readonly ageSeconds: number;
}

export interface SamplerOptions {
  /** A passive declare said that a queue is gone: reconcile this policy. Once per disappearance. */
  readonly onQueueMissing: (policyUid: string) => void;
}

export interface Sampler {
  /** Starts sampling each second, or takes over new pods, queues and credentials. Cheap: call it on each reconcile. */
  watch(target: SampleTarget): void;
  forget(policyUid: string): void;
  /** From what was sampled so far; touches no socket. */
  view(policyUid: string): Observation;
  close(): Promise<void>;
}

// --- scaling ---------------------------------------------------------------------------------------------------

export interface ScalingInput {
  readonly scaling: OrderCachePolicy['spec']['scaling'];
  readonly observation: Observation;
  /** `spec.replicas` of the worker Deployment as read; null when it does not exist yet. */
  readonly currentReplicas: number | null;
  /** status.workerEventsPerSecond. */
  readonly learnedWorkerRate: number | undefined;
  readonly history: ScalingHistory;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** In memory, per policy; begins with `EMPTY_HISTORY` of scaling-behavior.ts. */
export interface ScalingHistory {
  readonly recommendations: readonly { readonly at: number; readonly replicas: number }[];
  /** What was really changed: `recordScaling(history, from, to, now)` after the Deployment was written. */
  readonly changes: readonly { readonly at: number; readonly delta: number }[];
}

/** The numbers of ceil((arrivalRate + backlog / targetDrainSeconds) / workerRate). */
export interface ScalingFormula {
  readonly arrivalRate: number;
  readonly backlog: number;
  readonly targetDrainSeconds: number;
  readonly workerRate: number;
  /** Before bounds and behavior. */
  readonly wanted: number;
}

export interface ScaleDecision {
  readonly kind: 'Scale' | 'Hold';
  /** What `spec.replicas` of the Deployment must be. */
  readonly replicas: number;
  /** Condition ScalingActive: True with ScalingActive and ManualScaling, else False. */
  readonly active: boolean;
  readonly reason: Extract<
    ConditionReason,
    'ScalingActive' | 'ManualScaling' | 'MetricsUnavailable' | 'WorkersCannotHelp'
  >;
  /** For the condition: no ticking numbers. */
  readonly message: string;
  /** null when a metric is missing. */
  readonly formula: ScalingFormula | null;
  /** The formula with its numbers in one line, for event and log; ticks. */
  readonly printed: string;
  /** Keep for the next decision, whether or not the Deployment was written. */
  readonly history: ScalingHistory;
  /** status.workerEventsPerSecond: the stored one unless it moved by more than 20 %. Absent: nothing learned. */
  readonly workerRate: number | undefined;
  /** status.expectedDrainSeconds; absent when the backlog grows or nothing is known. */
  readonly expectedDrainSeconds: number | undefined;
}
