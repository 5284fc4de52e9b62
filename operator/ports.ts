/**
 * What the reconciler asks of the broker, Redis and the sampler. Implementations: topology.ts, ttl-publisher.ts,
 * sampler.ts. No call throws for what the outside world does: that comes back as a `Problem`; only what `mayWrite`
 * throws passes through. Every call ends within its deadline (30 s at most).
 */
import type { ConditionReason } from '../api/conditions.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { RetryStep } from '../api/worker-config.ts';
import type { RedisCredentials } from '../cache/ttl-table-redis.ts';
import type { ClaimOwners } from './claim-owners.ts';
import type { ManagementCredentials } from './connection-credentials.ts';
import type { Observation } from './observation.ts';

/** Why something cannot be done, ready for a condition: no secrets, no numbers that tick. */
export interface Problem {
  readonly kind: 'Problem';
  readonly reason: ConditionReason;
  readonly message: string;
  /** true: the outside world may heal by itself, try again with backoff. false: somebody must change something. */
  readonly retryable: boolean;
}

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
  /** Absent: nothing is taken over but by annotation. */
  readonly owners?: ClaimOwners;
  /** What the installation was called before; a policy's queues may bear it. */
  readonly formerInstallation?: string | undefined;
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

/** A claim that was another owner's until now. */
export interface TakenOver {
  readonly owner: string;
  readonly because: 'OwnerGone' | 'Annotation';
}

export type TtlResult =
  | { readonly kind: 'Published'; readonly changed: boolean; readonly takenOver?: TakenOver }
  | Problem;
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
   * Another owner's active table is a Problem KeyPrefixConflict, unless that owner is gone or the policy's annotation
   * names it: then it is taken over.
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
  /** Absent: nothing is taken over but by annotation. */
  readonly owners?: ClaimOwners;
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
