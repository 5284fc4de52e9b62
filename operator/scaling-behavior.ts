/**
 * How fast replicas may change: HorizontalPodAutoscalerBehavior of autoscaling/v2, word for word, as
 * `pkg/controller/podautoscaler/horizontal.go` of Kubernetes does it. One addition: from zero replicas, where a
 * percentage is zero for ever, the first worker is always allowed.
 */
import type { ScalingBehavior, ScalingRules } from '../api/policy-scaling.ts';
import type { ScalingHistory } from './scaling-decision.ts';

type Policy = NonNullable<ScalingRules['policies']>[number];

export interface EffectiveRules {
  readonly stabilizationWindowSeconds: number;
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled';
  readonly policies: readonly Policy[];
}

export interface EffectiveBehavior {
  readonly scaleUp: EffectiveRules;
  readonly scaleDown: EffectiveRules;
}

/** The longest period that a policy may have, in milliseconds. */
const LONGEST_PERIOD = 3_600_000;

const SCALE_UP: EffectiveRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};

const SCALE_DOWN: EffectiveRules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

export const EMPTY_HISTORY: ScalingHistory = { recommendations: [], changes: [] };

/** Each rule that is not given is the default of autoscaling/v2. */
export function effectiveBehavior(behavior: ScalingBehavior): EffectiveBehavior {
  return {
    scaleUp: withDefaults(behavior.scaleUp, SCALE_UP),
    scaleDown: withDefaults(behavior.scaleDown, SCALE_DOWN),
  };
}

function withDefaults(rules: ScalingRules | undefined, defaults: EffectiveRules): EffectiveRules {
  const { stabilizationWindowSeconds, selectPolicy, policies } = rules ?? {};
  return {
    stabilizationWindowSeconds: stabilizationWindowSeconds ?? defaults.stabilizationWindowSeconds,
    selectPolicy: selectPolicy ?? defaults.selectPolicy,
    policies: policies !== undefined && policies.length > 0 ? policies : defaults.policies,
  };
}

/** To be called after the replicas of the Deployment were really changed, by whatever decision. */
export function recordScaling(
  history: ScalingHistory,
  from: number,
  to: number,
  now: number,
): ScalingHistory {
  if (from === to) return history;
  const changes = [...history.changes, { at: now, delta: to - from }];
  return { ...history, changes: changes.filter(({ at }) => at > now - LONGEST_PERIOD) };
}

/**
 * Adds what is wanted now. When nothing is known of the window, its first entry is what was there before: neither after a
 * restart of the operator nor after a time of Manual or without metrics do the workers go down before it has passed once.
 */
export function recordRecommendation(
  history: ScalingHistory,
  current: number,
  wanted: number,
  behavior: EffectiveBehavior,
  now: number,
): ScalingHistory {
  const { scaleUp, scaleDown } = behavior;
  const window = Math.max(scaleUp.stabilizationWindowSeconds, scaleDown.stabilizationWindowSeconds);
  const known = history.recommendations.filter(({ at }) => at > now - window * 1000);
  const before = known.length === 0 ? [{ at: now, replicas: current }] : known;
  return { ...history, recommendations: [...before, { at: now, replicas: wanted }] };
}

/** Of the recommendations within the windows, the least change; `wanted` must have been recorded before. */
export function stabilize(
  history: ScalingHistory,
  current: number,
  behavior: EffectiveBehavior,
  now: number,
): number {
  const within = (seconds: number) =>
    history.recommendations.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas);
  const latest = history.recommendations.at(-1)?.replicas ?? current;
  const lowest = Math.min(latest, ...within(behavior.scaleUp.stabilizationWindowSeconds));
  const highest = Math.max(latest, ...within(behavior.scaleDown.stabilizationWindowSeconds));
  return Math.min(Math.max(current, lowest), highest);
}

/** What of the way from `current` to `wanted` the policies allow now. */
export function limitSpeed(
  history: ScalingHistory,
  current: number,
  wanted: number,
  behavior: EffectiveBehavior,
  now: number,
): number {
  if (wanted > current) return Math.min(wanted, highestAllowed(history, current, behavior.scaleUp, now));
  if (wanted < current) return Math.max(wanted, lowestAllowed(history, current, behavior.scaleDown, now));
  return current;
}

function highestAllowed(
  history: ScalingHistory,
  current: number,
  rules: EffectiveRules,
  now: number,
): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = rules.policies.map((policy) => {
    const start = replicasAtStart(history, current, policy.periodSeconds, now);
    if (policy.type === 'Pods') return start + policy.value;
    return Math.ceil(start * (1 + policy.value / 100));
  });
  const limit = rules.selectPolicy === 'Max' ? Math.max(...limits) : Math.min(...limits);
  return Math.max(current, limit, current === 0 ? 1 : 0);
}

function lowestAllowed(history: ScalingHistory, current: number, rules: EffectiveRules, now: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = rules.policies.map((policy) => {
    const start = replicasAtStart(history, current, policy.periodSeconds, now);
    if (policy.type === 'Pods') return start - policy.value;
    return Math.trunc(start * (1 - policy.value / 100));
  });
  const limit = rules.selectPolicy === 'Max' ? Math.min(...limits) : Math.max(...limits);
  return Math.min(current, limit);
}

/** Replicas when the period began: the present ones without what was changed since. */
function replicasAtStart(
  history: ScalingHistory,
  current: number,
  periodSeconds: number,
  now: number,
): number {
  const since = history.changes.filter(({ at }) => at > now - periodSeconds * 1000);
  return current - since.reduce((sum, { delta }) => sum + delta, 0);
}
