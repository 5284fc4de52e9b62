import type { ConditionReason } from '../api/conditions.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { Observation } from './observation.ts';

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
