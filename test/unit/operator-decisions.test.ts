import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Claim, conflictOf } from '../../operator/conflicts.ts';
import { awaySince, type Circumstances, type CleanUp, deletionVerdict } from '../../operator/deletion.ts';
import { leaseSpec, leaseStep, type SeenLease } from '../../operator/leader-decision.ts';
import { sameQuantity } from '../../operator/quantity.ts';
import { readSettings } from '../../operator/settings.ts';
import { policyWith } from './operator-policy.ts';

const calm: Circumstances = {
  abandoned: false,
  namespaceTerminating: false,
  secretGone: false,
};
const clean: CleanUp = { kind: 'Clean', leftovers: ['queue q'] };
const waiting: CleanUp = { kind: 'Waiting', seconds: 2, message: 'Workers end', leftovers: ['queue q'] };
const away: CleanUp = {
  kind: 'Problem',
  reason: 'BrokerUnavailable',
  message: 'away',
  leftovers: ['queue q'],
};
const full: CleanUp = { kind: 'Problem', reason: 'QueueNotEmpty', message: 'full', leftovers: ['queue q'] };

const deletions: readonly [string, CleanUp, Partial<Circumstances> & { awayForSeconds?: number }, string][] =
  [
    ['all is cleaned up', clean, {}, 'Finish'],
    ['workers are being stopped', waiting, {}, 'Retry in 2 s: Deleting'],
    ['workers are being stopped and it is given up', waiting, { abandoned: true }, 'Finish'],
    ['the broker is away', away, {}, 'Retry in 10 s: BrokerUnavailable'],
    [
      'the broker is away for five minutes',
      away,
      { awayForSeconds: 300 },
      'Retry in 10 s: BrokerUnavailable',
    ],
    ['the broker is away for longer', away, { awayForSeconds: 301 }, 'Finish'],
    ['the broker is away and it is given up', away, { abandoned: true }, 'Finish'],
    ['the broker is away and the namespace goes', away, { namespaceTerminating: true }, 'Finish'],
    ['the broker is away and a Secret is gone', away, { secretGone: true }, 'Finish'],
    ['the queue holds messages', full, {}, 'Retry in 10 s: QueueNotEmpty'],
    ['the queue holds messages for a day', full, { awayForSeconds: 86_400 }, 'Retry in 10 s: QueueNotEmpty'],
    ['the queue holds messages and it is given up', full, { abandoned: true }, 'Finish'],
    ['the queue holds messages and the namespace goes', full, { namespaceTerminating: true }, 'Finish'],
  ];
for (const [situation, cleanUp, circumstances, expected] of deletions) {
  test(`a deletion while ${situation}: ${expected}`, () => {
    const { awayForSeconds = 5, ...changed } = circumstances;
    const verdict = deletionVerdict(cleanUp, { ...calm, ...changed }, awayForSeconds);
    const said =
      verdict.kind === 'Finish' ? 'Finish' : `Retry in ${verdict.afterSeconds} s: ${verdict.reason}`;
    assert.equal(said, expected);
    if (verdict.kind === 'Finish') assert.deepEqual(verdict.leftovers, ['queue q']);
  });
}

test('the broker is away since it was first found away, whatever held the deletion up before', () => {
  const passes: readonly [number, CleanUp][] = [
    [0, full],
    [1_000, away],
    [2_000, away],
    [3_000, full],
    [4_000, away],
    [5_000, waiting],
  ];
  let since: number | undefined;
  const seen = passes.map(([now, cleanUp]) => {
    since = awaySince(cleanUp, since, now);
    return since;
  });
  assert.deepEqual(seen, [undefined, 1_000, 1_000, undefined, 4_000, undefined]);
});

const claim = (
  name: string,
  created: string,
  changes: { queue?: string; prefix?: string; broker?: string; redis?: string | undefined },
): Claim => {
  const { spec } = policyWith();
  const policy = policyWith({
    metadata: { name, uid: `uid-${name}`, creationTimestamp: created },
    spec: {
      rabbitmq: { ...spec.rabbitmq, queue: { name: changes.queue ?? `q-${name}`, revision: 1 } },
      redis: { ...spec.redis, keyPrefix: changes.prefix ?? `${name}:` },
    },
  });
  return { policy, broker: changes.broker ?? 'b', redis: 'redis' in changes ? changes.redis : 'r' };
};
const [EARLY, LATE] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];

const conflicts: readonly [string, Claim, Claim, string | undefined][] = [
  ['nothing in common', claim('a', EARLY, {}), claim('b', LATE, {}), undefined],
  ['one queue', claim('a', EARLY, { queue: 'q' }), claim('b', LATE, { queue: 'q' }), 'QueueConflict'],
  [
    'one queue name on two brokers',
    claim('a', EARLY, { queue: 'q' }),
    claim('b', LATE, { queue: 'q', broker: 'c' }),
    undefined,
  ],
  [
    'one key prefix',
    claim('a', EARLY, { prefix: 'o:' }),
    claim('b', LATE, { prefix: 'o:' }),
    'KeyPrefixConflict',
  ],
  [
    'a longer key prefix',
    claim('a', EARLY, { prefix: 'o:' }),
    claim('b', LATE, { prefix: 'o:x:' }),
    'KeyPrefixConflict',
  ],
  [
    'a shorter key prefix',
    claim('a', EARLY, { prefix: 'o:x:' }),
    claim('b', LATE, { prefix: 'o:' }),
    'KeyPrefixConflict',
  ],
  [
    'one key prefix on two Redis',
    claim('a', EARLY, { prefix: 'o:' }),
    claim('b', LATE, { prefix: 'o:', redis: 's' }),
    undefined,
  ],
  [
    'one key prefix, and the Redis is not known',
    claim('a', EARLY, { prefix: 'o:', redis: undefined }),
    claim('b', LATE, { prefix: 'o:', redis: undefined }),
    undefined,
  ],
];
for (const [situation, older, younger, reason] of conflicts) {
  test(`two policies with ${situation}: the younger ${reason ? `stalls with ${reason}` : 'works'}, the older works`, () => {
    assert.equal(conflictOf(younger, [older, younger])?.reason, reason);
    assert.equal(conflictOf(older, [older, younger]), undefined);
  });
}

test('of two policies of the same second one yields, and always the same', () => {
  const [a, b] = [claim('a', EARLY, { queue: 'q' }), claim('b', EARLY, { queue: 'q' })];
  assert.equal(conflictOf(a, [a, b]), undefined);
  assert.equal(conflictOf(b, [b, a])?.reason, 'QueueConflict');
});

test('of two policies of the same second the one that has been acted on keeps what it has', () => {
  const [a, b] = [claim('a', EARLY, { queue: 'q' }), claim('b', EARLY, { queue: 'q' })];
  const metadata = { ...b.policy.metadata, finalizers: ['ordercache.io/cleanup'] };
  const settled = { ...b, policy: { ...b.policy, metadata } };
  assert.equal(conflictOf(settled, [a, settled]), undefined);
  assert.equal(conflictOf(a, [a, settled])?.reason, 'QueueConflict');
});

const seen = (holderIdentity: string, unchangedSince: number): SeenLease => ({
  spec: { holderIdentity, leaseDurationSeconds: 15 },
  unchangedSince,
});
const leases: readonly [string, SeenLease | undefined, number, string][] = [
  ['no lease', undefined, 0, 'Create'],
  ['its own lease', seen('me', 0), 100_000, 'Renew'],
  ['a lease let go', seen('', 0), 1, 'TakeOver'],
  ['a lease just renewed', seen('other', 1_000), 1_000, 'Wait'],
  ['a lease unchanged for its duration', seen('other', 1_000), 16_000, 'Wait'],
  ['a lease unchanged for longer', seen('other', 1_000), 16_001, 'TakeOver'],
];
for (const [situation, lease, now, step] of leases) {
  test(`a candidate that sees ${situation}: ${step}`, () => assert.equal(leaseStep(lease, 'me', now), step));
}

test('a take-over counts as a transition, a renewal does not', () => {
  const held = { holderIdentity: 'other', leaseTransitions: 4, acquireTime: 'then' };
  assert.equal(leaseSpec('TakeOver', held, 'me', 15, 'now').leaseTransitions, 5);
  assert.deepEqual(leaseSpec('Renew', { ...held, holderIdentity: 'me' }, 'me', 15, 'now'), {
    holderIdentity: 'me',
    leaseTransitions: 4,
    acquireTime: 'then',
    leaseDurationSeconds: 15,
    renewTime: 'now',
  });
});

const quantities: readonly [unknown, unknown, boolean][] = [
  ['0.5', '500m', true],
  ['1024Mi', '1Gi', true],
  [1, '1', true],
  ['1e3', '1k', true],
  ['250m', '251m', false],
  ['1G', '1Gi', false],
  ['lots', 'lots', false],
  ['1', undefined, false],
];
for (const [one, other, same] of quantities) {
  test(`the quantities ${one} and ${other} are ${same ? 'the same' : 'not the same'}`, () => {
    assert.equal(sameQuantity(one, other), same);
  });
}

const environment = { ORDERCACHE_WORKER_IMAGE: 'image', POD_NAME: 'operator-0', POD_NAMESPACE: 'system' };

test('the environment has defaults', () => {
  const settings = readSettings(environment);
  assert.equal(settings.installation, 'default');
  assert.deepEqual(settings.watchNamespaces, []);
  assert.equal(settings.httpPort, 8080);
  assert.equal(settings.worker.logLevel, 'info');
});

test('the environment is read', () => {
  const settings = readSettings({
    ...environment,
    ORDERCACHE_WATCH_NAMESPACES: 'shop, support',
    ORDERCACHE_LOG_LEVEL: 'debug',
    ORDERCACHE_WORKER_IMAGE_PULL_SECRETS: 'a,b',
    ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS: '{"role":"x"}',
  });
  assert.deepEqual(settings.watchNamespaces, ['shop', 'support']);
  assert.deepEqual(settings.worker.imagePullSecrets, ['a', 'b']);
  assert.deepEqual(settings.worker.serviceAccountAnnotations, { role: 'x' });
  assert.equal(settings.worker.logLevel, 'debug', "the workers' level is the operator's unless it is set");
});

const wrong: readonly [string, string | undefined, RegExp][] = [
  ['ORDERCACHE_WORKER_IMAGE', undefined, /expected an image reference, got nothing/],
  ['POD_NAME', undefined, /expected the name of a pod, got nothing/],
  ['POD_NAMESPACE', 'Not A Namespace', /expected a namespace, got "Not A Namespace"/],
  ['ORDERCACHE_INSTALLATION', 'a/b', /expected a DNS label, got "a\/b"/],
  ['ORDERCACHE_HTTP_PORT', '80x', /expected a port number from 0 to 65535, got "80x"/],
  ['ORDERCACHE_HTTP_PORT', '65536', /expected a port number/],
  ['ORDERCACHE_LOG_LEVEL', 'loud', /expected one of fatal, error, warn, info, debug, trace, got "loud"/],
  ['ORDERCACHE_WORKER_IMAGE_PULL_POLICY', 'Sometimes', /expected one of Always, IfNotPresent, Never/],
  ['ORDERCACHE_WATCH_NAMESPACES', 'shop,*', /expected a comma-separated list of names, got "\*"/],
  ['ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS', '[1]', /expected a JSON object with string values/],
  ['ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS', '{"a":1}', /expected a JSON object with string values/],
];
for (const [name, value, message] of wrong) {
  test(`${name}=${value} is refused in one line that names it`, () => {
    assert.throws(
      () => readSettings({ ...environment, [name]: value }),
      (error: Error) =>
        error.message.startsWith(`${name}: `) && !error.message.includes('\n') && message.test(error.message),
    );
  });
}
