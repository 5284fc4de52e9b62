import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Claim, conflictOf } from '../../operator/conflicts.ts';
import {
  type Attempt,
  type CleanUp,
  type DeletionContext,
  type DeletionDecision,
  decideDeletion,
  unavailableSince,
} from '../../operator/deletion.ts';
import { leaseSpec, leaseStep, type SeenLease } from '../../operator/leader-decision.ts';
import { sameQuantity } from '../../operator/quantity.ts';
import { readSettings } from '../../operator/settings.ts';
import { policyWith } from './operator-policy.ts';

const calm: DeletionContext = {
  abandoned: false,
  namespaceTerminating: false,
  secretGone: false,
  urgentForSeconds: 0,
};
const orphaned = ['queue q'];
const clean: CleanUp = { kind: 'Clean', orphaned };
const waiting: CleanUp = { kind: 'Waiting', seconds: 5, message: 'Workers end', orphaned };
const unavailable: CleanUp = {
  kind: 'Problem',
  reason: 'BrokerUnavailable',
  message: 'refused',
  retryable: true,
  orphaned,
};
const full: CleanUp = { ...unavailable, reason: 'QueueNotEmpty', message: 'full' };
const lost: CleanUp = { ...unavailable, reason: 'SecretNotFound', message: 'no Secret', retryable: false };
const namespaceGoes = { namespaceTerminating: true };

const deletions: readonly [string, CleanUp, Partial<DeletionContext>, Partial<Attempt>, string][] = [
  ['all is cleaned up', clean, {}, {}, 'Finish: cleaned up'],
  ['workers are being stopped', waiting, {}, {}, 'Retry in 5 s: Deleting'],
  [
    'workers are being stopped and it is given up',
    waiting,
    { abandoned: true },
    {},
    'Finish: given up by annotation',
  ],
  ['workers are being stopped and the namespace goes', waiting, namespaceGoes, {}, 'Retry in 2 s: Deleting'],
  [
    'workers do not end in a minute and the namespace goes',
    waiting,
    { ...namespaceGoes, urgentForSeconds: 61 },
    {},
    'Finish: the namespace is being deleted',
  ],
  ['the broker is unavailable', unavailable, {}, {}, 'Retry in 10 s: BrokerUnavailable'],
  [
    'the broker is unavailable for five minutes',
    unavailable,
    {},
    { unavailableForSeconds: 300 },
    'Retry in 10 s: BrokerUnavailable',
  ],
  [
    'the broker is unavailable for longer',
    unavailable,
    {},
    { unavailableForSeconds: 301 },
    'Finish: refused, for five minutes',
  ],
  [
    'the broker is unavailable and it is given up',
    unavailable,
    { abandoned: true },
    {},
    'Finish: given up by annotation',
  ],
  [
    'the broker is unavailable and the namespace goes',
    unavailable,
    namespaceGoes,
    { urgentFailures: 2 },
    'Retry in 2 s: BrokerUnavailable',
  ],
  [
    'the broker is unavailable a third time and the namespace goes',
    unavailable,
    namespaceGoes,
    { urgentFailures: 3 },
    'Finish: the namespace is being deleted',
  ],
  [
    'the broker is unavailable a third time and a Secret is gone',
    unavailable,
    { secretGone: true },
    { urgentFailures: 3 },
    'Finish: a Secret is gone',
  ],
  ['no credentials are left', lost, { secretGone: true }, { urgentFailures: 1 }, 'Finish: a Secret is gone'],
  ['the queue holds messages', full, {}, {}, 'Retry in 10 s: QueueNotEmpty'],
  [
    'the queue holds messages for a day',
    full,
    {},
    { unavailableForSeconds: 86_400 },
    'Retry in 10 s: QueueNotEmpty',
  ],
  [
    'the queue holds messages and it is given up',
    full,
    { abandoned: true },
    {},
    'Finish: given up by annotation',
  ],
  [
    'the queue still holds messages and the namespace goes',
    full,
    namespaceGoes,
    { urgentFailures: 3 },
    'Finish: the namespace is being deleted',
  ],
];
const inWords = (decision: DeletionDecision) =>
  decision.kind === 'Finish'
    ? `Finish: ${decision.because}`
    : `Retry in ${decision.afterSeconds} s: ${decision.reason}`;
for (const [situation, cleanUp, context, before, expected] of deletions) {
  test(`a deletion while ${situation}: ${expected}`, () => {
    const attempt = { cleanUp, urgentFailures: 1, unavailableForSeconds: 5, ...before };
    const decision = decideDeletion([attempt], { ...calm, ...context });
    assert.equal(inWords(decision), expected);
    if (decision.kind === 'Finish') assert.deepEqual(decision.orphaned, orphaned);
  });
}

test('a deletion goes on for one store when nothing can be done about the other any more', () => {
  const context = { ...calm, secretGone: true };
  const attempt = { urgentFailures: 1, unavailableForSeconds: 0 };
  const decision = decideDeletion(
    [
      { ...attempt, cleanUp: lost },
      { ...attempt, cleanUp: waiting },
    ],
    context,
  );
  assert.equal(inWords(decision), 'Retry in 2 s: Deleting');
});

test('the broker is unavailable since it was first found so, whatever held the deletion up before', () => {
  const passes: readonly [number, CleanUp][] = [
    [0, full],
    [1_000, unavailable],
    [2_000, unavailable],
    [3_000, full],
    [4_000, unavailable],
    [5_000, waiting],
  ];
  let since: number | undefined;
  const seen = passes.map(([now, cleanUp]) => {
    since = unavailableSince(cleanUp, since, now);
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
  assert.equal(settings.installation, undefined);
  assert.deepEqual(settings.watchNamespaces, []);
  assert.equal(settings.httpPort, 8080);
  assert.equal(settings.worker.logLevel, 'info');
  assert.equal(settings.worker.fixedUserId, true);
});

test('the environment is read', () => {
  const settings = readSettings({
    ...environment,
    ORDERCACHE_WATCH_NAMESPACES: 'shop, support,shop',
    ORDERCACHE_LOG_LEVEL: 'debug',
    ORDERCACHE_WORKER_IMAGE_PULL_SECRETS: 'a,b',
    ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS: '{"role":"x"}',
  });
  assert.deepEqual(settings.watchNamespaces, ['shop', 'support']);
  assert.deepEqual(settings.worker.imagePullSecrets, ['a', 'b']);
  assert.deepEqual(settings.worker.serviceAccountAnnotations, { role: 'x' });
  assert.equal(settings.worker.logLevel, 'info', 'another level of the operator does not roll the workers');
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
  ['ORDERCACHE_WORKER_FIXED_USER_ID', 'yes', /expected one of true, false, got "yes"/],
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
