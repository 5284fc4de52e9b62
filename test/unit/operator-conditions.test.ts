import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONDITION_TYPES, type Condition } from '../../api/conditions.ts';
import { conditionsOf } from '../../operator/conditions.ts';
import type { Deployment } from '../../operator/kubernetes-objects.ts';
import type { Observation } from '../../operator/observation.ts';
import type { Problem } from '../../operator/ports.ts';
import { isRolling, rolloutOf } from '../../operator/rollout.ts';
import { MAX_ROLLING, mayRoll } from '../../operator/rollout-gate.ts';
import type { Situation } from '../../operator/situation.ts';
import type { Statements } from '../../operator/statements.ts';
import { statusStep } from '../../operator/status.ts';
import { policyWith } from './operator-policy.ts';

const NOW = '2026-02-02T00:00:00Z';
const zero = { kind: 'Measured', value: 0 } as const;
const observation: Observation = {
  ready: zero,
  deadLetters: zero,
  inFlight: zero,
  acknowledgedRate: zero,
  arrivalRate: zero,
  saturatedWorkerRate: { kind: 'Missing', because: 'not saturated' },
  pauses: [],
  workers: [],
};
const well: Situation = {
  policy: policyWith(),
  secretProblems: [],
  conflict: undefined,
  topology: {
    kind: 'Declared',
    changes: [],
    queue: 'q',
    drainQueues: [],
    deadLetterQueue: 'q.dead',
    retrySteps: [],
  },
  ttl: { kind: 'Published', changed: false },
  foreignObjects: [],
  refusal: undefined,
  rollout: { kind: 'Done', replicas: 1 },
  maintenance: { kind: 'Done', replicas: 1 },
  queueLostAt: undefined,
  observation,
  decision: undefined,
  standing: new Map(),
  applied: 'Everything',
};
const problem = (reason: Problem['reason'], retryable: boolean): Problem => ({
  kind: 'Problem',
  reason,
  message: `it is ${reason}`,
  retryable,
});

function summary(situation: Situation): string {
  const conditions = conditionsOf(situation, NOW);
  const of = (type: string) => conditions.find((one) => one.type === type);
  const told = CONDITION_TYPES.filter((type) => type !== 'ScalingActive' && type !== 'MaintenanceReady');
  const isTrue = told.filter((type) => of(type)?.status === 'True');
  return `${of('Ready')?.reason}: ${isTrue.join(' ')}`;
}

const situations: readonly [string, Partial<Situation>, string][] = [
  ['all is well', {}, 'Ready: Ready TopologyReady WorkersReady CacheReady'],
  [
    'a Secret is missing',
    { secretProblems: [problem('SecretNotFound', false)], topology: undefined, ttl: undefined },
    'SecretNotFound: Stalled WorkersReady',
  ],
  [
    'an older policy has the queue',
    { conflict: { reason: 'QueueConflict', message: 'm' }, topology: undefined, ttl: undefined },
    'QueueConflict: Stalled WorkersReady',
  ],
  [
    'the broker is away',
    { topology: { ...problem('BrokerUnavailable', true), changes: [] } },
    'BrokerUnavailable: Reconciling WorkersReady CacheReady',
  ],
  [
    'an exchange is missing',
    { topology: { ...problem('ExchangeNotFound', false), changes: [] } },
    'ExchangeNotFound: Stalled WorkersReady CacheReady',
  ],
  [
    'Redis is away',
    { ttl: problem('RedisUnavailable', true) },
    'RedisUnavailable: Reconciling TopologyReady WorkersReady',
  ],
  [
    'Redis is away and an object is foreign',
    { ttl: problem('RedisUnavailable', true), foreignObjects: ['ConfigMap x'] },
    'ObjectConflict: Stalled TopologyReady',
  ],
  [
    'the API server refuses the pods',
    { refusal: { about: 'WorkersReady', reason: 'InvalidSpec', message: 'm' } },
    'InvalidSpec: Stalled TopologyReady CacheReady',
  ],
  [
    'an object cannot be written, and Redis is away',
    {
      refusal: { about: 'WorkersReady', reason: 'ApplyFailed', message: 'm' },
      ttl: problem('RedisUnavailable', true),
      applied: 'Nothing',
    },
    'ApplyFailed: Reconciling TopologyReady',
  ],
  [
    'workers roll',
    { rollout: { kind: 'InProgress', message: 'm' } },
    'RollingOut: Reconciling TopologyReady CacheReady',
  ],
  [
    'there are no workers yet',
    { rollout: { kind: 'Absent' } },
    'Progressing: Reconciling TopologyReady CacheReady',
  ],
  [
    'a quota is used up',
    { rollout: { kind: 'Failing', reason: 'QuotaExceeded', message: 'm' } },
    'QuotaExceeded: Stalled TopologyReady CacheReady',
  ],
  [
    'workers pause',
    { observation: { ...observation, pauses: ['RedisUnavailable'] } },
    'WorkersPaused: Reconciling TopologyReady CacheReady',
  ],
  [
    'the dead-letter queue is full',
    { observation: { ...observation, deadLetters: { kind: 'Measured', value: 100_000 } } },
    'DeadLetterQueueFull: Stalled WorkersReady CacheReady',
  ],
  ['nothing was asked yet', { topology: undefined, ttl: undefined }, 'Progressing: Reconciling WorkersReady'],
];
for (const [what, changes, expected] of situations) {
  test(`when ${what}, the conditions say ${expected}`, () => {
    assert.equal(summary({ ...well, ...changes }), expected);
  });
}

const condition = (
  type: Condition['type'],
  status: Condition['status'],
  reason: Condition['reason'],
): Condition => ({
  type,
  status,
  reason,
  message: 'before',
  observedGeneration: 2,
  lastTransitionTime: 'then',
});
const said = (types: readonly string[]): Statements =>
  new Map(types.map((type) => [type, { status: 'True', reason: 'Ready', message: 'as last seen' }]));
const suspended = (standing: Statements): Situation => ({
  ...well,
  topology: undefined,
  ttl: undefined,
  policy: policyWith({ spec: { suspend: true } }),
  standing,
  applied: 'Nothing',
});

test('a suspended policy stays Ready by what was last seen, as far as that is about its present spec', () => {
  const all = ['TopologyReady', 'CacheReady', 'WorkersReady', 'MaintenanceReady'];
  assert.equal(summary(suspended(said(all))), 'Suspended: Ready TopologyReady WorkersReady CacheReady');
  for (const edited of all) {
    const others = suspended(said(all.filter((type) => type !== edited)));
    assert.equal(told(others, edited), 'Unknown Suspended');
    if (edited !== 'MaintenanceReady') assert.equal(told(others, 'Ready'), 'False Suspended');
  }
  const prefetchEdited = { ...suspended(said(all)), rollout: { kind: 'InProgress', message: 'm' } } as const;
  assert.equal(
    summary(prefetchEdited),
    'Suspended: TopologyReady CacheReady',
    'an edit that the workers do not have',
  );
});

test('a policy that may not be acted for keeps no statement about an earlier spec', () => {
  const problems = [problem('SecretNotFound', false)];
  const blocked = {
    ...well,
    secretProblems: problems,
    topology: undefined,
    ttl: undefined,
    applied: 'Nothing',
  } as const;
  assert.equal(told(blocked, 'CacheReady'), 'Unknown Pending');
  assert.equal(told({ ...blocked, standing: said(['CacheReady']) }, 'CacheReady'), 'True Ready');
});

test('every type is there, with the generation, and the time moves only with the status', () => {
  const policy = policyWith({
    status: {
      conditions: [condition('Ready', 'True', 'Ready'), condition('Stalled', 'True', 'InvalidSpec')],
    },
  });
  const conditions = conditionsOf({ ...well, policy }, NOW);
  assert.deepEqual(conditions.map(({ type }) => type).sort(), [...CONDITION_TYPES].sort());
  assert.ok(conditions.every(({ observedGeneration }) => observedGeneration === 3));
  const timeOf = (type: string) => conditions.find((one) => one.type === type)?.lastTransitionTime;
  assert.equal(timeOf('Ready'), 'then');
  assert.equal(timeOf('Stalled'), NOW);
});

type DeploymentStatus = NonNullable<Deployment['status']>;
const deployment = (
  status: DeploymentStatus,
  hash = 'h',
  replicas = 2,
  annotations: Record<string, string> = {},
): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'w', namespace: 'shop', generation: 4, annotations },
  spec: {
    replicas,
    selector: {},
    template: { metadata: { annotations: { 'ordercache.io/config-hash': hash } } },
  },
  status: { observedGeneration: 4, ...status },
});
const done = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
const failed = (type: string, status: string, message: string) => ({
  ...done,
  conditions: [{ type, status, message }],
});

const rollouts: readonly [string, Deployment | undefined, string][] = [
  ['no Deployment', undefined, 'Absent'],
  ['all pods new and ready', deployment(done), 'Done'],
  ['one more being started by scaling', deployment({ ...done, availableReplicas: 1 }), 'Done'],
  ['no pods where none are wanted', deployment({}, 'h', 0), 'Done'],
  ['another configuration', deployment(done, 'other'), 'InProgress'],
  ['a change not seen by its controller', deployment({ ...done, observedGeneration: 3 }), 'InProgress'],
  ['an old pod left', deployment({ ...done, updatedReplicas: 1 }), 'InProgress'],
  ['no pod ready', deployment({ ...done, availableReplicas: 0 }), 'InProgress'],
  [
    'pods over a quota',
    deployment(failed('ReplicaFailure', 'True', 'exceeded quota: q')),
    'Failing QuotaExceeded',
  ],
  [
    'pods that admission refuses',
    deployment(failed('ReplicaFailure', 'True', 'denied')),
    'Failing WorkersUnavailable',
  ],
  [
    'pods that never get ready',
    deployment(failed('Progressing', 'False', 'x')),
    'Failing WorkersUnavailable',
  ],
];
for (const [what, object, expected] of rollouts) {
  test(`a rollout with ${what} is ${expected}`, () => {
    const rollout = rolloutOf(object, 'h');
    assert.equal(rollout.kind === 'Failing' ? `Failing ${rollout.reason}` : rollout.kind, expected);
  });
}

test('scaling alone does not hold up a rollout, a change of the pods does until it is seen', () => {
  const behind = deployment({ ...done, observedGeneration: 3 });
  assert.equal(rolloutOf(behind, 'h', 3).kind, 'Done', 'generation 4 only scaled');
  assert.equal(rolloutOf(behind, 'h', 4).kind, 'InProgress');
});

test('after an upgrade at most five policies roll at once; what a policy itself asks for does not wait', () => {
  const generation = (value: string) => ({ 'ordercache.io/generation': value });
  const found = deployment(done, 'old', 2, generation('1'));
  const rolling = Array.from({ length: MAX_ROLLING }, () => deployment({ ...done, updatedReplicas: 0 }));
  assert.ok(rolling.every(isRolling));
  const upgrade = deployment(done, 'new', 2, generation('1'));
  assert.equal(mayRoll(upgrade, found, [...rolling, found]), false);
  assert.equal(mayRoll(upgrade, found, [...rolling.slice(1), found]), true);
  assert.equal(mayRoll(deployment(done, 'new', 2, generation('2')), found, rolling), true);
  assert.equal(mayRoll(deployment(done, 'old', 5, generation('1')), found, rolling), true, 'scaling');
  assert.equal(mayRoll(upgrade, undefined, rolling), true, 'the first time');
});

test('policies that cannot get their pods do not keep others from an upgrade', () => {
  const generation = { 'ordercache.io/generation': '1' };
  const [found, upgrade] = [deployment(done, 'old', 2, generation), deployment(done, 'new', 2, generation)];
  const refused = { ...failed('ReplicaFailure', 'True', 'exceeded quota: q'), updatedReplicas: 0 };
  const stuck = Array.from({ length: MAX_ROLLING }, () => deployment(refused));
  assert.equal(mayRoll(upgrade, found, [...stuck, found]), true);
});

const status = { observedGeneration: 1, conditions: [], replicas: 1, backlog: 5 };
const steps: readonly [string, typeof status & { deadLetters?: number }, number, string][] = [
  ['nothing new', { ...status }, 0, 'Same'],
  ['another backlog just after a write', { ...status, backlog: 6 }, 4_000, 'Later'],
  ['another backlog after 10 s', { ...status, backlog: 6 }, 10_000, 'Write'],
  ['another number of replicas', { ...status, replicas: 2 }, 0, 'Write'],
  ['another generation', { ...status, observedGeneration: 2 }, 0, 'Write'],
];
for (const [what, next, elapsed, expected] of steps) {
  test(`a status with ${what}: ${expected}`, () => {
    const step = statusStep(status, next, 1_000, 1_000 + elapsed);
    assert.equal(step.kind, expected);
    if (step.kind === 'Later') assert.equal(step.ms, 6_000);
  });
}

const told = (situation: Situation, type: string) => {
  const found = conditionsOf(situation, NOW).find((one) => one.type === type);
  return `${found?.status} ${found?.reason}`;
};
const catchUp = { trigger: null, startedAt: null, completedAt: null, orders: 0, updated: 0, dropped: 0 };
const maintenanceSays = (state: 'Idle' | 'Failed', pausedBecause: readonly 'RedisUnavailable'[] = []) => ({
  observation: {
    ...observation,
    maintenance: { startedAt: NOW, pausedBecause, catchUp: { ...catchUp, state } },
  },
});
const maintenances: readonly [string, Partial<Situation>, string][] = [
  ['runs', maintenanceSays('Idle'), 'True MaintenanceAvailable'],
  ['is not there', { maintenance: { kind: 'Absent' } }, 'False Progressing'],
  ['is being replaced', { maintenance: { kind: 'InProgress', message: 'm' } }, 'False RollingOut'],
  [
    'cannot be started',
    { maintenance: { kind: 'Failing', reason: 'WorkersUnavailable', message: 'm' } },
    'False MaintenanceUnavailable',
  ],
  [
    'cannot be written',
    { refusal: { about: 'MaintenanceReady', reason: 'ApplyFailed', message: 'm' }, applied: 'Workers' },
    'False ApplyFailed',
  ],
  ['fails at the catch-up', maintenanceSays('Failed'), 'False CatchUpFailed'],
  ['waits for Redis', maintenanceSays('Idle', ['RedisUnavailable']), 'False MaintenancePaused'],
];
for (const [what, change, expected] of maintenances) {
  test(`a maintenance pod that ${what} is told by MaintenanceReady, and by no condition of the workers`, () => {
    const situation = { ...well, ...change };
    assert.equal(told(situation, 'MaintenanceReady'), expected);
    assert.equal(told(situation, 'WorkersReady'), 'True WorkersAvailable');
    assert.equal(told(situation, 'Ready'), 'True Ready');
  });
}

test('with an outbox, whose relay it runs, Ready depends on the maintenance pod too', () => {
  const outbox = {
    databaseSecretRef: { name: 'a' },
    rabbitmqSecretRef: { name: 'b' },
    table: 'order_outbox',
  };
  const situation = { ...well, policy: policyWith({ spec: { outbox } }) };
  assert.equal(told(situation, 'Ready'), 'True Ready');
  assert.equal(told({ ...situation, maintenance: { kind: 'Absent' } }, 'Ready'), 'False Progressing');
});
