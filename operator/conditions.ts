import type { Condition, ConditionReason, ConditionType } from '../api/conditions.ts';
import { type Finding, shortcomings } from './checks.ts';
import type { Situation } from './situation.ts';

type Statement = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const WHEN_TRUE = {
  TopologyReady: ['TopologyDeclared', 'Exchanges, queues and bindings are as declared'],
  CacheReady: ['TtlPublished', 'The TTL table in Redis is as declared'],
  WorkersReady: ['WorkersAvailable', 'The workers run with this configuration'],
} as const satisfies Partial<Record<ConditionType, readonly [ConditionReason, string]>>;

/** The conditions of a policy. `lastTransitionTime` moves only where the status is another than before. */
export function conditionsOf(situation: Situation, nowIso: string): readonly Condition[] {
  const found = shortcomings(situation);
  const statements = [...summary(situation, found), ...details(found), scalingActive(situation)];
  return stamped(situation.policy, statements, nowIso);
}

/** The conditions while a policy is being deleted. */
export function deletingConditions(
  policy: Situation['policy'],
  obstacle: Pick<Finding, 'reason' | 'message' | 'outlook'> | undefined,
  nowIso: string,
): readonly Condition[] {
  const { reason, message, outlook } = obstacle ?? {
    reason: 'Deleting' as const,
    message: 'The policy is being cleaned up',
    outlook: 'Progresses' as const,
  };
  const statements: Statement[] = [
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Reconciling', status: outlook === 'Progresses' ? 'True' : 'False', reason, message },
    { type: 'Stalled', status: outlook === 'Stalls' ? 'True' : 'False', reason, message },
  ];
  return stamped(policy, statements, nowIso);
}

function summary({ policy }: Situation, found: readonly Finding[]): readonly Statement[] {
  const stalling = found.find(({ outlook }) => outlook === 'Stalls');
  const worst = stalling ?? found[0];
  const idle = policy.spec.suspend
    ? { reason: 'Suspended' as const, message: 'spec.suspend is true: nothing is changed or scaled' }
    : { reason: 'Ready' as const, message: 'Topology, TTL table and workers are as declared' };
  if (policy.spec.suspend) {
    return [
      { type: 'Ready', status: worst ? 'False' : 'True', ...idle },
      { type: 'Reconciling', status: 'False', ...idle },
      { type: 'Stalled', status: 'False', ...idle },
    ];
  }
  const said = worst ? { reason: worst.reason, message: worst.message } : idle;
  return [
    { type: 'Ready', status: worst ? 'False' : 'True', ...said },
    { type: 'Reconciling', status: worst && !stalling ? 'True' : 'False', ...said },
    { type: 'Stalled', status: stalling ? 'True' : 'False', ...said },
  ];
}

function details(found: readonly Finding[]): readonly Statement[] {
  const types = ['TopologyReady', 'CacheReady', 'WorkersReady'] as const;
  return types.map((type) => {
    const finding = found.find(({ about }) => about === type);
    if (finding) return { type, status: 'False', reason: finding.reason, message: finding.message };
    const [reason, message] = WHEN_TRUE[type];
    return { type, status: 'True', reason, message };
  });
}

function scalingActive({ policy, decision }: Situation): Statement {
  const type = 'ScalingActive';
  if (policy.spec.suspend) {
    return { type, status: 'False', reason: 'Suspended', message: 'spec.suspend is true' };
  }
  if (decision === undefined) {
    return { type, status: 'Unknown', reason: 'Pending', message: 'Nothing has been measured yet' };
  }
  return {
    type,
    status: decision.active ? 'True' : 'False',
    reason: decision.reason,
    message: decision.message,
  };
}

function stamped(
  { metadata, status }: Situation['policy'],
  statements: readonly Statement[],
  nowIso: string,
): readonly Condition[] {
  return statements.map((statement) => {
    const before = status?.conditions?.find(({ type }) => type === statement.type);
    const unmoved = before !== undefined && before.status === statement.status;
    return {
      ...statement,
      observedGeneration: metadata.generation,
      lastTransitionTime: unmoved ? before.lastTransitionTime : nowIso,
    };
  });
}
