import type { ConditionReason, ConditionType } from '../api/conditions.ts';
import type { Problem } from './ports.ts';
import type { Situation } from './situation.ts';

/** Something that keeps a policy from being ready. */
export interface Finding {
  /** The condition that is False because of it. */
  readonly about: Extract<
    ConditionType,
    'TopologyReady' | 'WorkersReady' | 'CacheReady' | 'MaintenanceReady'
  >;
  readonly reason: ConditionReason;
  readonly message: string;
  /** Progresses: time or the outside world heals it. Stalls: somebody must change something. */
  readonly outlook: 'Progresses' | 'Stalls';
}

export type Check = (situation: Situation) => Finding | undefined;

/** What must be right before anything is touched, most basic first. */
const PRECONDITIONS: readonly Check[] = [secretsUsable, nothingClaimedByOlder];

/** What must be right for Ready, in the order in which it is worth telling. */
const CHECKS: readonly Check[] = [
  ...PRECONDITIONS,
  objectsAccepted,
  topologyDeclared,
  ttlPublished,
  objectsOurs,
  workersRolledOut,
  workersConsume,
  deadLettersFit,
  maintenanceRuns,
  catchUpWorks,
];

/** Why nothing may be done for this policy; undefined: go on. */
export function obstacle(situation: Situation): Finding | undefined {
  return findings(PRECONDITIONS, situation)[0];
}

/** Everything that keeps it from Ready. The same checks stop the action and make the condition. */
export function shortcomings(situation: Situation): readonly Finding[] {
  return findings(CHECKS, situation);
}

function findings(checks: readonly Check[], situation: Situation): readonly Finding[] {
  return checks.map((check) => check(situation)).filter((finding) => finding !== undefined);
}

function secretsUsable({ secretProblems }: Situation): Finding | undefined {
  const [first] = secretProblems;
  return first && fromProblem('TopologyReady', first);
}

function nothingClaimedByOlder({ conflict }: Situation): Finding | undefined {
  if (conflict === undefined) return undefined;
  const about = conflict.reason === 'QueueConflict' ? 'TopologyReady' : 'CacheReady';
  return { about, reason: conflict.reason, message: conflict.message, outlook: 'Stalls' };
}

function topologyDeclared(situation: Situation): Finding | undefined {
  const { topology, policy } = situation;
  if (topology?.kind === 'Problem') return fromProblem('TopologyReady', topology);
  if (topology !== undefined || policy.spec.suspend || obstacle(situation)) return undefined;
  return pending('TopologyReady', 'The RabbitMQ topology has not been looked at yet');
}

function ttlPublished(situation: Situation): Finding | undefined {
  const { ttl, policy } = situation;
  if (ttl?.kind === 'Problem') return fromProblem('CacheReady', ttl);
  if (ttl !== undefined || policy.spec.suspend || obstacle(situation)) return undefined;
  return pending('CacheReady', 'The TTL table has not been published yet');
}

function objectsOurs({ foreignObjects }: Situation): Finding | undefined {
  if (foreignObjects.length === 0) return undefined;
  return {
    about: 'WorkersReady',
    reason: 'ObjectConflict',
    message: `Left alone, because it is not controlled by this policy: ${foreignObjects.join(', ')}`,
    outlook: 'Stalls',
  };
}

function objectsAccepted({ refusal }: Situation): Finding | undefined {
  if (refusal === undefined) return undefined;
  return { ...refusal, outlook: refusal.reason === 'ApplyFailed' ? 'Progresses' : 'Stalls' };
}

function workersRolledOut({ rollout }: Situation): Finding | undefined {
  switch (rollout.kind) {
    case 'Done':
      return undefined;
    case 'Absent':
      return pending('WorkersReady', 'The worker Deployment does not exist yet');
    case 'InProgress':
      return { about: 'WorkersReady', reason: 'RollingOut', message: rollout.message, outlook: 'Progresses' };
    case 'Failing':
      return { about: 'WorkersReady', reason: rollout.reason, message: rollout.message, outlook: 'Stalls' };
  }
}

function workersConsume({ observation, rollout }: Situation): Finding | undefined {
  if (rollout.kind !== 'Done' || observation === undefined || observation.pauses.length === 0)
    return undefined;
  return {
    about: 'WorkersReady',
    reason: 'WorkersPaused',
    message: `Workers keep their messages and wait: ${[...observation.pauses].sort().join(', ')}`,
    outlook: 'Progresses',
  };
}

function deadLettersFit({ policy, observation }: Situation): Finding | undefined {
  const { maxLength } = policy.spec.rabbitmq.deadLetter;
  if (observation?.deadLetters.kind !== 'Measured' || observation.deadLetters.value < maxLength)
    return undefined;
  return {
    about: 'TopologyReady',
    reason: 'DeadLetterQueueFull',
    message: `The dead-letter queue holds spec.rabbitmq.deadLetter.maxLength = ${maxLength} messages; empty it`,
    outlook: 'Stalls',
  };
}

/** The workers keep the cache right without it; so it is told apart from them. */
function maintenanceRuns({ maintenance }: Situation): Finding | undefined {
  switch (maintenance.kind) {
    case 'Done':
      return undefined;
    case 'Absent':
      return pending('MaintenanceReady', 'The maintenance Deployment does not exist yet');
    case 'InProgress': {
      const message = 'The maintenance pod is not ready, or not yet replaced by one with this configuration';
      return { about: 'MaintenanceReady', reason: 'RollingOut', message, outlook: 'Progresses' };
    }
    case 'Failing': {
      const message =
        'The maintenance pod is refused, or did not become ready in time; see the events of its Deployment and its log';
      return { about: 'MaintenanceReady', reason: 'MaintenanceUnavailable', message, outlook: 'Stalls' };
    }
  }
}

function catchUpWorks({ maintenance, observation }: Situation): Finding | undefined {
  const seen = observation?.maintenance;
  if (maintenance.kind !== 'Done' || seen === undefined) return undefined;
  if (seen.catchUp.state === 'Failed') {
    const message = 'The catch-up fails and is tried again; see the log of the maintenance pod';
    return { about: 'MaintenanceReady', reason: 'CatchUpFailed', message, outlook: 'Stalls' };
  }
  if (seen.pausedBecause.length === 0) return undefined;
  const message = `The maintenance pod waits: ${[...seen.pausedBecause].sort().join(', ')}`;
  return { about: 'MaintenanceReady', reason: 'MaintenancePaused', message, outlook: 'Progresses' };
}

function pending(about: Finding['about'], message: string): Finding {
  return { about, reason: 'Progressing', message, outlook: 'Progresses' };
}

function fromProblem(about: Finding['about'], { reason, message, retryable }: Problem): Finding {
  return { about, reason, message, outlook: retryable ? 'Progresses' : 'Stalls' };
}
