import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchUpNotices } from '../../operator/catch-up-events.ts';
import { parseMaintenanceReport } from '../../operator/maintenance-report-parse.ts';
import type { MaintenanceSight } from '../../operator/observation.ts';
import { observationOf } from '../../operator/sampler-view.ts';
import { statusOf, statusStep } from '../../operator/status.ts';
import { policyWith } from './operator-policy.ts';

const report = {
  policyUid: 'uid',
  startedAt: '2026-11-22T10:00:00.123Z',
  pausedBecause: [],
  catchUp: {
    state: 'Running',
    trigger: 'QueueLost',
    startedAt: '2026-11-22T10:00:01.5Z',
    completedAt: null,
    orders: 10,
    updated: 2,
    dropped: 1,
  },
};
const parsed = (change: object = {}, uid = 'uid') =>
  parseMaintenanceReport(JSON.stringify({ ...report, ...change }), uid);

test('the report of the maintenance pod is read with times as Kubernetes writes them', () => {
  assert.deepEqual(parsed()?.catchUp, { ...report.catchUp, startedAt: '2026-11-22T10:00:01Z' });
});

const nonsense: readonly [string, object][] = [
  ['no catch-up', { catchUp: null }],
  ['a state that does not exist', { catchUp: { ...report.catchUp, state: 'Dancing' } }],
  ['a negative count', { catchUp: { ...report.catchUp, orders: -1 } }],
  ['no start', { startedAt: 7 }],
];
for (const [what, change] of nonsense) {
  test(`a report with ${what} is none`, () => assert.equal(parsed(change), null));
}

test('a report of another policy, whose pod had the address before, is none', () => {
  assert.equal(parsed({}, 'other'), null);
});

test('a time or trigger that is nonsense is left out', () => {
  const { catchUp } = parsed({ catchUp: { ...report.catchUp, trigger: 'x', startedAt: 'soon' } }) ?? {};
  assert.deepEqual([catchUp?.trigger, catchUp?.startedAt], [null, null]);
});

const zero = { kind: 'Measured', value: 0 } as const;
const sampleOf = (at: number, sights: readonly MaintenanceSight[]) => ({
  at,
  ready: zero,
  deadLetters: zero,
  pods: [],
  reports: new Map(),
  maintenance: new Map(sights.map((sight, index) => [`pod-${index}`, sight])),
});
const sight = parsed() as MaintenanceSight;

test('while the pod is replaced, the newer one is believed; an old word is not', () => {
  const newer = { ...sight, startedAt: '2026-11-22T11:00:00Z' };
  const samples = [sampleOf(0, [newer, sight]), sampleOf(1_000, [])];
  assert.equal(observationOf(samples, [], 2_000).maintenance, newer);
  assert.equal(observationOf(samples, [], 60_000).maintenance, undefined);
});

function statusWith(
  maintenance: MaintenanceSight | undefined,
  before: ReturnType<typeof statusOf> | undefined,
) {
  const observation = observationOf(maintenance ? [sampleOf(0, [maintenance])] : [], [], 0);
  const situation = {
    policy: policyWith({ ...(before && { status: before }) }),
    secretProblems: [],
    conflict: undefined,
    topology: undefined,
    ttl: undefined,
    foreignObjects: [],
    refusal: undefined,
    rollout: { kind: 'Absent' },
    maintenance: { kind: 'Absent' },
    queueLostAt: '2026-11-22T10:00:00Z',
    observation,
    decision: undefined,
    standing: new Map(),
    applied: 'Nothing',
  } as const;
  return statusOf(situation, undefined, 'q', '2026-11-22T10:00:00Z');
}

test('the status tells of the catch-up, and keeps it while the pod says nothing or has not looked yet', () => {
  const status = statusWith(sight, undefined);
  assert.deepEqual(status.catchUp, {
    state: 'Running',
    trigger: 'QueueLost',
    startedAt: '2026-11-22T10:00:01Z',
    orders: 10,
    updated: 2,
    dropped: 1,
  });
  assert.equal(status.queueLostAt, '2026-11-22T10:00:00Z');
  const idle = parsed({ catchUp: { ...report.catchUp, state: 'Idle', trigger: null, startedAt: null } });
  for (const silent of [undefined, idle ?? undefined])
    assert.deepEqual(statusWith(silent, status).catchUp, status.catchUp);
});

test('its counts are written with the numbers, its beginning and end at once', () => {
  const before = statusWith(sight, undefined);
  const counted = statusWith({ ...sight, catchUp: { ...sight.catchUp, orders: 99 } }, before);
  assert.equal(statusStep(before, counted, 0, 1_000).kind, 'Later');
  const completedAt = '2026-11-22T10:01:00Z';
  const ended = statusWith(
    { ...sight, catchUp: { ...sight.catchUp, state: 'Completed', completedAt } },
    before,
  );
  assert.equal(statusStep(before, ended, 0, 1_000).kind, 'Write');
});

test('the beginning, the end and a failure are told once each', () => {
  const running = statusWith(sight, undefined).catchUp;
  assert.ok(running);
  const ended = { ...running, state: 'Completed' as const, completedAt: '2026-11-22T10:01:00Z' };
  const reasons = (...args: Parameters<typeof catchUpNotices>) =>
    catchUpNotices(...args).map((one) => one.reason);
  assert.deepEqual(reasons(undefined, undefined), []);
  assert.deepEqual(reasons(undefined, running), ['CatchUpStarted']);
  assert.deepEqual(reasons(running, { ...running, orders: 50 }), []);
  assert.deepEqual(reasons(running, ended), ['CatchUpCompleted']);
  assert.deepEqual(reasons(ended, ended), []);
  const quick = { ...ended, startedAt: '2026-11-22T11:00:00Z', completedAt: '2026-11-22T11:00:00Z' };
  assert.deepEqual(reasons(ended, quick), ['CatchUpStarted', 'CatchUpCompleted']);
  assert.deepEqual(reasons(running, { ...running, state: 'Failed' }), ['CatchUpFailed']);
  assert.match(catchUpNotices(undefined, running)[0]?.note ?? '', /the queue had to be declared anew/);
});
