import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { condition, eventually, existing, type Json, path } from './operator-scene.ts';
import { operatorAtWork } from './operator-world.ts';

const { scene, outside, at, apply, readyPolicy, notes } = await operatorAtWork({ after });

const OWNED = ['serviceaccounts', 'configmaps', 'deployments', 'poddisruptionbudgets'] as const;
const owned = (plural: string, name: string) => path(scene.namespace, plural, `${name}-cache-sync`);

test('a policy owns a ServiceAccount, a ConfigMap, a Deployment and a PodDisruptionBudget', async () => {
  const { metadata } = await readyPolicy('owner');
  for (const plural of OWNED) {
    const object = await existing(scene, owned(plural, 'owner'));
    const owners = object.metadata.ownerReferences as { uid: string; controller: boolean }[];
    assert.deepEqual(
      owners.map(({ uid, controller }) => [uid, controller]),
      [[metadata.uid, true]],
      plural,
    );
  }
  const account = await existing(scene, owned('serviceaccounts', 'owner'));
  assert.equal(account.automountServiceAccountToken, false);
  assert.equal((account.metadata.annotations as Record<string, string>)['example.com/role'], 'orders');
});

describe('an owned object that is deleted comes back within 10 s', () => {
  before(() => readyPolicy('deleted'));
  for (const plural of OWNED) {
    test(plural, async () => {
      const { metadata } = await existing(scene, owned(plural, 'deleted'));
      await scene.delete(owned(plural, 'deleted'));
      await eventually(
        `${plural} is back`,
        async () => {
          const again = await existing(scene, owned(plural, 'deleted'));
          assert.notEqual(again.metadata.uid, metadata.uid);
        },
        10,
      );
    });
  }

  test('with an event that says so', async () => {
    await eventually('an event', async () => {
      const told = await notes('deleted', 'Repaired');
      assert.ok(
        told.includes('Deployment deleted-cache-sync was restored: it had been deleted'),
        told.join(),
      );
    });
  });
});

describe('an owned object that is edited by hand is restored within 10 s', () => {
  before(() => readyPolicy('edited'));
  const edits: readonly [string, string, object, (object: Json) => unknown, unknown][] = [
    [
      'the image of the workers',
      'deployments',
      { spec: { template: { spec: { containers: [{ name: 'worker', image: 'evil' }] } } } },
      ({ spec }) =>
        (spec as { template: { spec: { containers: { image: string }[] } } }).template.spec.containers[0]
          ?.image,
      'localhost/order-cache-operator:test',
    ],
    [
      'the number of workers',
      'deployments',
      { spec: { replicas: 3 } },
      ({ spec }) => (spec as { replicas: number }).replicas,
      0,
    ],
    [
      'config.json',
      'configmaps',
      { data: { 'config.json': '{}' } },
      ({ data }) => JSON.parse((data as Record<string, string>)['config.json'] ?? '').redis,
      { keyPrefix: 'edited:' },
    ],
    [
      'the label by which it is found',
      'configmaps',
      { metadata: { labels: { 'ordercache.io/policy': null } } },
      ({ metadata }) => (metadata.labels as Record<string, string>)['ordercache.io/policy'],
      'edited',
    ],
    [
      'the service account token',
      'serviceaccounts',
      { automountServiceAccountToken: true },
      ({ automountServiceAccountToken }) => automountServiceAccountToken,
      false,
    ],
    [
      'the disruption budget',
      'poddisruptionbudgets',
      { spec: { maxUnavailable: '100%' } },
      ({ spec }) => (spec as { maxUnavailable: number }).maxUnavailable,
      1,
    ],
  ];
  for (const [what, plural, patch, read, expected] of edits) {
    test(what, async () => {
      await scene.patch(owned(plural, 'edited'), patch);
      await eventually(
        `${what} is restored`,
        async () => {
          assert.deepEqual(read(await existing(scene, owned(plural, 'edited'))), expected);
        },
        10,
      );
    });
  }
});

test('the maintenance Deployment is owned, comes back when it is deleted, and is restored when it is edited', async () => {
  const { metadata } = await readyPolicy('kept');
  const deployment = path(scene.namespace, 'deployments', 'kept-maintenance');
  const first = await existing(scene, deployment);
  const [owner] = first.metadata.ownerReferences as { uid: string }[];
  assert.equal(owner?.uid, metadata.uid);
  await scene.delete(deployment);
  const second = await eventually('it is back', async () => {
    const again = await existing(scene, deployment);
    assert.notEqual(again.metadata.uid, first.metadata.uid);
    return again;
  });
  await scene.patch(deployment, {
    spec: { replicas: 0, template: { spec: { priorityClassName: 'system-node-critical' } } },
  });
  await eventually('it is restored', async () => {
    const now = await existing(scene, deployment);
    assert.equal((now.spec as { replicas: number }).replicas, 1);
    assert.equal(now.metadata.uid, second.metadata.uid);
  });
  await eventually('an event', async () => {
    const told = await notes('kept', 'Repaired');
    assert.ok(told.includes('Deployment kept-maintenance was restored: it had been deleted'), told.join());
  });
});

test('a change of the policy reaches config.json and rolls the workers by its hash', async () => {
  await readyPolicy('changed');
  const hashOf = (object: Json) => {
    const { template } = object.spec as { template: { metadata: { annotations: Record<string, string> } } };
    return template.metadata.annotations['ordercache.io/config-hash'];
  };
  const before = hashOf(await existing(scene, owned('deployments', 'changed')));
  await scene.patch(at('changed'), { spec: { workers: { prefetchCount: 7 } } });
  await eventually('another hash', async () => {
    assert.notEqual(hashOf(await existing(scene, owned('deployments', 'changed'))), before);
    const { data } = await existing(scene, owned('configmaps', 'changed'));
    assert.equal(JSON.parse((data as Record<string, string>)['config.json'] ?? '').prefetchCount, 7);
  });
  await readyPolicy('changed', { workers: { prefetchCount: 7 } });
});

test('a field of the pods that the policy gives up is taken away', async () => {
  await readyPolicy('selector', { workers: { nodeSelector: { disk: 'ssd' } } });
  await scene.patch(at('selector'), { spec: { workers: { nodeSelector: null } } });
  await eventually('no node selector', async () => {
    const { spec } = await existing(scene, owned('deployments', 'selector'));
    const { template } = spec as { template: { spec: { nodeSelector?: object } } };
    assert.equal(template.spec.nodeSelector, undefined);
  });
});

test('an object of the same name that is not ours is left alone, and the policy says so until it is gone', async () => {
  const configMap = owned('configmaps', 'foreign');
  const mine = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'foreign-cache-sync' },
    data: { mine: 'yes' },
  };
  const { metadata } = await scene.apply(configMap, mine);
  await apply('foreign');
  await eventually('ObjectConflict', async () => {
    const ready = condition(await existing(scene, at('foreign')), 'Ready');
    assert.equal(ready?.reason, 'ObjectConflict');
    assert.match(ready?.message ?? '', /ConfigMap foreign-cache-sync \(controlled by nobody\)/);
  });
  assert.equal((await existing(scene, configMap)).metadata.resourceVersion, metadata.resourceVersion);
  await scene.delete(configMap);
  await eventually('recovery', async () => {
    assert.equal(condition(await existing(scene, at('foreign')), 'Ready')?.status, 'True');
  });
});

test('at rest nothing is written', async () => {
  await readyPolicy('resting');
  const versions = async () =>
    Promise.all(
      [at('resting'), ...OWNED.map((plural) => owned(plural, 'resting'))].map(
        async (one) => (await existing(scene, one)).metadata.resourceVersion,
      ),
    );
  const before = await eventually('the controllers of Kubernetes are done with it', async () => {
    const now = await versions();
    await sleep(3_000);
    assert.deepEqual(await versions(), now);
    return now;
  });
  // Longer than the pause between writes of numbers.
  await sleep(12_000);
  assert.deepEqual(await versions(), before);
});

test('numbers alone are written at most every 10 s', async () => {
  await readyPolicy('numbers');
  const seen = new Set<unknown>();
  const begun = performance.now();
  for (let backlog = 1; backlog <= 16; backlog += 1) {
    outside.observation = { ...outside.observation, ready: { kind: 'Measured', value: backlog * 1000 } };
    await scene.patch(at('numbers'), { metadata: { annotations: { poke: `${backlog}` } } });
    await sleep(500);
    seen.add(((await existing(scene, at('numbers'))).status as { backlog?: number }).backlog);
  }
  outside.observation = { ...outside.observation, ready: { kind: 'Measured', value: 0 } };
  const seconds = (performance.now() - begun) / 1000;
  const most = 3 + Math.floor(seconds / 10);
  assert.ok(seen.size <= most, `the status showed ${[...seen].join(', ')} within ${seconds} s`);
});
