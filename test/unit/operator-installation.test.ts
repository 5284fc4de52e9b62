import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adoptableOwners, policyOfOwner } from '../../api/names.ts';
import { claimOwners } from '../../operator/claim-owners.ts';
import { installationName } from '../../operator/installation.ts';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import type { Reply, Session } from '../../operator/kubernetes-session.ts';

/** An API server that answers what the test says, by path. */
function clientOf(answer: (path: string) => Omit<Reply, 'retryAfterSeconds'>): KubernetesClient {
  const session: Session = {
    send: async ({ path }) => ({ retryAfterSeconds: undefined, ...answer(path) }),
    stream: () => Promise.reject(new Error('no watch here')),
    close: async () => {},
  };
  return new KubernetesClient(session, () => undefined);
}

const found = (metadata: object) => ({ status: 200, body: { metadata } });

test('an installation without a name is called by the UID of kube-system', async () => {
  const asked: string[] = [];
  const client = clientOf((path) => {
    asked.push(path);
    return found({ name: 'kube-system', uid: 'uid-of-the-cluster' });
  });
  assert.equal(await installationName(undefined, client), 'uid-of-the-cluster');
  assert.equal(await installationName('eu', client), 'eu');
  assert.deepEqual(asked, ['/api/v1/namespaces/kube-system']);
});

test('the UID is asked for again while the API server is unavailable', async () => {
  let calls = 0;
  const client = clientOf(() => {
    calls += 1;
    return calls < 3 ? { status: 503, body: {} } : found({ uid: 'late' });
  });
  assert.equal(await installationName(undefined, client, 1), 'late');
});

test('without the right to read it the start fails in one line that names the variable', async () => {
  const client = clientOf(() => ({ status: 403, body: { message: 'no' } }));
  await assert.rejects(
    installationName(undefined, client, 1),
    /^Error: ORDERCACHE_INSTALLATION: expected a name[^\n]*$/,
  );
});

const answers: readonly [string, string, Omit<Reply, 'retryAfterSeconds'>, string][] = [
  ['does not exist', 'here/shop/orders', { status: 404, body: {} }, 'Gone'],
  ['has another UID', 'here/shop/orders', found({ uid: 'new' }), 'Gone'],
  ['exists', 'here/shop/orders', found({ uid: 'old' }), 'Exists'],
  ['may not be read', 'here/shop/orders', { status: 403, body: {} }, 'Unknown'],
  ['is of another installation', 'there/shop/orders', { status: 404, body: {} }, 'OtherInstallation'],
  ['is no owner as we write it', 'here/shop', { status: 404, body: {} }, 'OtherInstallation'],
];
for (const [what, owner, answer, expected] of answers) {
  test(`an owner that ${what}: ${expected}`, async () => {
    const owners = claimOwners(
      clientOf(() => answer),
      'here',
    );
    assert.equal(await owners.stateOf(owner, ({ metadata }) => metadata.uid === 'old'), expected);
  });
}

test('an API server that cannot be reached does not make an owner gone', async () => {
  const owners = claimOwners(
    clientOf(() => ({ status: 500, body: {} })),
    'here',
  );
  await assert.rejects(
    owners.stateOf('here/shop/orders', () => true),
    /API server answered 500/,
  );
});

test('the queues that other policies use are found, page by page', async () => {
  const policy = (name: string, queue: string) => ({
    metadata: { namespace: 'shop', name },
    status: { queue },
  });
  const client = clientOf((path) => ({
    status: 200,
    body: path.includes('continue=more')
      ? { items: [policy('third', 'q3'), { metadata: { namespace: 'shop', name: 'new' } }] }
      : { items: [policy('orders', 'q1'), policy('second', 'q2')], metadata: { continue: 'more' } },
  }));
  const found = await claimOwners(client, 'here').queuesOfOthers({ namespace: 'shop', name: 'orders' });
  assert.deepEqual([...found], ['q2', 'q3']);
});

test('an owner names a policy of one installation', () => {
  assert.deepEqual(policyOfOwner('here/shop/orders', 'here'), { namespace: 'shop', name: 'orders' });
  assert.equal(policyOfOwner('here/shop/orders/more', 'here'), undefined);
});

test('the annotation names owners with commas between them', () => {
  const annotations = { 'ordercache.io/adopt-queue-from': 'a/shop/orders, b/shop/orders' };
  assert.deepEqual(adoptableOwners(annotations), ['a/shop/orders', 'b/shop/orders']);
  assert.deepEqual(adoptableOwners(undefined), []);
});
