import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FailureKind, KubernetesError } from '../../operator/kubernetes-client.ts';
import { Memories } from '../../operator/memory.ts';
import type { Seen } from '../../operator/observe.ts';
import { refusedBy } from '../../operator/refusals.ts';
import type { World } from '../../operator/world.ts';

const WORKERS = 'Deployment orders-cache-sync';

/** Failures of one policy, each so many milliseconds after the one before; what is told of the last one. */
function policyThatFails() {
  let now = 1_000;
  const world = { clock: { monotonic: () => now } } as unknown as World;
  const seen = { memory: new Memories().of('uid') } as unknown as Seen;
  return {
    memory: seen.memory,
    after(
      milliseconds: number,
      failure: FailureKind,
      message = 'API server answered',
      target = WORKERS,
      subject: Parameters<typeof refusedBy>[4] = 'Workers',
    ) {
      now += milliseconds;
      const error = new KubernetesError(failure, message);
      try {
        return refusedBy(error, world, seen, target, subject);
      } catch (thrown) {
        assert.equal(thrown, error);
        return undefined;
      }
    },
  };
}

const transient: readonly FailureKind[] = [
  'Conflict',
  'Unavailable',
  'Throttled',
  'NotFound',
  'AlreadyExists',
];
for (const failure of transient) {
  test(`${failure} is told once it came three times in a row within more than five seconds, and is repeated`, () => {
    const policy = policyThatFails();
    const told = [0, 500, 1_000, 2_000, 4_000].map((delay) => policy.after(delay, failure));
    assert.deepEqual(told.slice(0, 4), [undefined, undefined, undefined, undefined]);
    assert.equal(told[4]?.refusal.reason, 'ApplyFailed');
    assert.equal(told[4]?.retry?.failure, failure);
    assert.ok(policy.after(8_000, failure), 'and goes on being told');
  });
}

test('one timeout, however long before the next failure, is not told', () => {
  const policy = policyThatFails();
  assert.equal(policy.after(0, 'Unavailable'), undefined);
  assert.equal(policy.after(600_000, 'Unavailable'), undefined);
});

test('failures of different objects are not counted together', () => {
  const policy = policyThatFails();
  for (const target of [WORKERS, 'ConfigMap a', WORKERS, 'ConfigMap a', WORKERS])
    assert.equal(policy.after(3_000, 'Conflict', 'x', target), undefined);
});

const lasting: readonly [FailureKind, string, 'Workers' | 'Maintenance', string][] = [
  ['Invalid', 'spec.template.labels: Invalid value', 'Workers', 'WorkersReady InvalidSpec'],
  ['Forbidden', 'exceeded quota: q', 'Workers', 'WorkersReady QuotaExceeded'],
  ['Forbidden', 'denied by a webhook', 'Workers', 'WorkersReady WorkersUnavailable'],
  ['Forbidden', 'denied by a webhook', 'Maintenance', 'MaintenanceReady MaintenanceUnavailable'],
];
for (const [failure, message, subject, expected] of lasting) {
  test(`${failure} with "${message}" is told at once as ${expected}, and somebody must change something`, () => {
    const refused = policyThatFails().after(0, failure, message, 'Deployment x', subject);
    assert.ok(refused);
    const { about, reason, message: said } = refused.refusal;
    assert.deepEqual([`${about} ${reason}`, said, refused.retry], [expected, message, undefined]);
  });
}

test('a policy that the operator may not write to is told after a while, and tried again', () => {
  const policy = policyThatFails();
  const told = [0, 3_000, 3_000].map((delay) => policy.after(delay, 'Forbidden', 'x', 'P orders', 'Policy'));
  assert.deepEqual([told[0], told[1], told[2]?.refusal.reason], [undefined, undefined, 'ApplyFailed']);
  assert.ok(told[2]?.retry);
});

test('what is told of the same failure does not change with the port of the connection, and has an end', () => {
  const cause = (port: number) => `read tcp 10.0.0.1:${port}->10.0.0.2:443: reset ${'x'.repeat(9_999)}`;
  const policy = policyThatFails();
  const messages = [41_000, 41_001, 41_002, 41_003].map(
    (port) => policy.after(5_000, 'Unavailable', cause(port))?.refusal.message,
  );
  assert.match(
    messages[2] ?? '',
    /^Deployment orders-cache-sync could not be written, .*10\.0\.0\.1->10\.0\.0\.2:443/,
  );
  assert.equal(messages[3], messages[2]);
  assert.ok((messages[3]?.length ?? 0) < 700);
});
