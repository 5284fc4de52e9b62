import type { ConditionReason } from '../api/conditions.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { Conflict } from './conflicts.ts';
import type { Observation } from './observation.ts';
import type { Problem, TopologyResult, TtlResult } from './ports.ts';
import type { Rollout } from './rollout.ts';
import type { ScaleDecision } from './scaling-decision.ts';
import type { Statements } from './statements.ts';

export interface Refusal {
  /** The condition that is False because of it. */
  readonly about: 'WorkersReady' | 'MaintenanceReady';
  readonly reason: Extract<
    ConditionReason,
    'InvalidSpec' | 'QuotaExceeded' | 'WorkersUnavailable' | 'MaintenanceUnavailable' | 'ApplyFailed'
  >;
  readonly message: string;
}

/** Everything that is known about a policy in one pass; it grows as the pass goes on. */
export interface Situation {
  readonly policy: OrderCachePolicy;
  /** The referenced Secrets that are missing, unreadable or not what was expected; each names the field. */
  readonly secretProblems: readonly Problem[];
  readonly conflict: Conflict | undefined;
  readonly topology: TopologyResult | undefined;
  readonly ttl: TtlResult | undefined;
  /** Objects of our names that others control. */
  readonly foreignObjects: readonly string[];
  /** Why the API server does not accept an owned object, or what the operator writes to the policy. */
  readonly refusal: Refusal | undefined;
  readonly rollout: Rollout;
  /** Of the maintenance pod. */
  readonly maintenance: Rollout;
  readonly queueLostAt: string | undefined;
  readonly observation: Observation | undefined;
  readonly decision: ScaleDecision | undefined;
  /** What was said earlier and is about what the policy declares now. */
  readonly standing: Statements;
  /** What has been compared with the policy in this pass, and applied where it differed. */
  readonly applied: 'Nothing' | 'Workers' | 'Everything';
}
