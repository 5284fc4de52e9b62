import type { Condition, ConditionReason, ConditionType } from '../api/conditions.ts';
import { type Finding, shortcomings } from './checks.ts';
import type { Situation } from './situation.ts';

type Statement = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const WHEN_TRUE = {
  TopologyReady: ['TopologyDeclared', 'Exchanges, queues and bindings are as declared'],
  CacheReady: ['TtlPublished', 'The TTL table in Redis is as declared'],
  WorkersReady: ['WorkersAvailable', 'The workers run with this configuration'],
  MaintenanceReady: ['MaintenanceAvailable', 'The maintenance pod runs with this configuration'],
} as const satisfies Partial<Record<ConditionType, readonly [ConditionReason, string]>>;

/** The conditions of a policy. `lastTransitionTime` moves only where the status is another than before. */
export function conditionsOf(situation: Situation, nowIso: string): readonly Condition[] {
  const found = shortcomings(situation);
  const single = details(situation, found);
  const statements = [...summary(situation, found, single), ...single, scalingActive(situation)];
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

function summary(
  { policy }: Situation,
  found: readonly Finding[],
  details: readonly Statement[],
): readonly Statement[] {
  const counting = found.filter(({ about }) => counts(policy, about));
  const stalling = counting.find(({ outlook }) => outlook === 'Stalls');
  const worst = stalling ?? counting[0];
  const isReady = details.every(({ type, status }) => status === 'True' || !counts(policy, type));
  if (policy.spec.suspend) return ofSuspended(isReady);
  const said = worst
    ? { reason: worst.reason, message: worst.message }
    : { reason: 'Ready' as const, message: 'Topology, TTL table and workers are as declared' };
  return [
    { type: 'Ready', status: isReady ? 'True' : 'False', ...said },
    { type: 'Reconciling', status: worst && !stalling ? 'True' : 'False', ...said },
    { type: 'Stalled', status: stalling ? 'True' : 'False', ...said },
  ];
}

/**
 * Workers keep the cache right without the maintenance pod, so that Ready does not depend on it; but for the relay of
 * the outbox, without which no event arrives.
 */
function counts({ spec }: Situation['policy'], type: ConditionType): boolean {
  return type !== 'MaintenanceReady' || spec.outbox !== undefined;
}

/** Ready only if the workers already have what the policy says. */
function ofSuspended(isReady: boolean): readonly Statement[] {
  const said = {
    reason: 'Suspended' as const,
    message: 'spec.suspend is true: nothing is changed or scaled',
  };
  return [
    { type: 'Ready', status: isReady ? 'True' : 'False', ...said },
    { type: 'Reconciling', status: 'False', ...said },
    { type: 'Stalled', status: 'False', ...said },
  ];
}

/**
 * True needs evidence of this pass. Without any, an earlier statement stands, as long as the policy still declares what
 * it was about. Objects that this pass has not compared with the policy are no evidence for it once it was edited.
 */
function details(situation: Situation, found: readonly Finding[]): readonly Statement[] {
  const { rollout, maintenance, applied, standing } = situation;
  const evidence = {
    TopologyReady: situation.topology?.kind === 'Declared',
    CacheReady: situation.ttl?.kind === 'Published',
    WorkersReady: rollout.kind === 'Done' && (applied !== 'Nothing' || standing.has('WorkersReady')),
    MaintenanceReady:
      maintenance.kind === 'Done' && (applied === 'Everything' || standing.has('MaintenanceReady')),
  };
  return (['TopologyReady', 'CacheReady', 'WorkersReady', 'MaintenanceReady'] as const).map((type) => {
    const finding = found.find(({ about }) => about === type);
    if (finding) return { type, status: 'False', reason: finding.reason, message: finding.message };
    const [reason, message] = WHEN_TRUE[type];
    return evidence[type] ? { type, status: 'True', reason, message } : asBefore(situation, type);
  });
}

function asBefore({ policy, standing }: Situation, type: ConditionType): Statement {
  const before = standing.get(type);
  if (before) return { type, ...before };
  if (policy.spec.suspend) {
    const message = 'spec.suspend is true: the spec as it is now has not been looked at';
    return { type, status: 'Unknown', reason: 'Suspended', message };
  }
  return { type, status: 'Unknown', reason: 'Pending', message: 'The spec has not been looked at yet' };
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
