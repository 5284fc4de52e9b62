import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { type Call, openSession } from '../../operator/kubernetes-session.ts';
import { faultySession } from './faulty-session.ts';
import { quietOutside } from './operator-outside.ts';
import { condition, eventually, existing, path } from './operator-scene.ts';
import { operatorWorld } from './operator-world.ts';

const { scene, at, apply, readyPolicy, readyWith } = await operatorWorld({ after });
const faulty = faultySession(openSession(scene.kubeconfig));
after(() => faulty.close());
await scene.operator({
  client: new KubernetesClient(faulty, () => undefined),
  outside: () => quietOutside(),
});

/** Calls with these words in their path are answered so, until `healed`; a write of a policy's own status is not. */
const faults = new Map<string, number>();
const isWriteOf = ({ method, path: called }: Call, target: string) =>
  method !== 'GET' && called.includes(`${target}?`);
faulty.faultOf = (call) => {
  const status = [...faults].find(([target]) => isWriteOf(call, target))?.[1];
  return status === undefined ? undefined : { kind: 'Answer', status };
};
const writesOf = (target: string) => faulty.calls.filter((call) => isWriteOf(call, target)).length;

const objects: readonly [string, string, string, number][] = [
  ['ServiceAccount', 'serviceaccounts', 'account-cache-sync', 500],
  ['ConfigMap', 'configmaps', 'config-cache-sync', 409],
  ['Deployment', 'deployments', 'workers-cache-sync', 500],
  ['PodDisruptionBudget', 'poddisruptionbudgets', 'budget-cache-sync', 400],
];
describe('an owned object that the API server does not take is told, and tried again', {
  concurrency: true,
}, () => {
  for (const [kind, plural, object, status] of objects) {
    test(`${kind}, answered with ${status}`, async () => {
      const policy = object.replace('-cache-sync', '');
      await readyPolicy(policy);
      const target = `${plural}/${object}`;
      faults.set(target, status);
      await scene.delete(path(scene.namespace, plural, object));
      const told = await readyWith(policy, 'ApplyFailed', 30);
      const expected = `${kind} ${object} could not be written, and is tried again: API server answered ${status}: made by the test`;
      assert.equal(condition(told, 'WorkersReady')?.message, expected);
      const statuses = ['Ready', 'Reconciling', 'Stalled'].map((type) => condition(told, type)?.status);
      assert.deepEqual(statuses, ['False', 'True', 'False']);
      const writes = writesOf(target);
      assert.ok(writes < 12, `${writes} writes: no backoff`);
      faults.delete(target);
      await readyWith(policy, 'Ready', 60);
    });
  }

  test('the Deployment of the maintenance pod: Ready does not depend on it', async () => {
    await readyPolicy('relay');
    const target = 'deployments/relay-maintenance';
    faults.set(target, 503);
    await scene.delete(path(scene.namespace, 'deployments', 'relay-maintenance'));
    await eventually(
      'MaintenanceReady tells it',
      async () => {
        const policy = await existing(scene, at('relay'));
        assert.equal(condition(policy, 'MaintenanceReady')?.reason, 'ApplyFailed');
        assert.equal(condition(policy, 'WorkersReady')?.status, 'True');
        assert.equal(condition(policy, 'Ready')?.status, 'True');
      },
      30,
    );
    faults.delete(target);
    await eventually(
      'it is back',
      () => existing(scene, path(scene.namespace, 'deployments', 'relay-maintenance')),
      30,
    );
  });

  test('the policy itself, which a webhook may guard', async () => {
    const target = 'ordercachepolicies/guarded';
    faults.set(target, 500);
    await apply('guarded');
    const told = await readyWith('guarded', 'ApplyFailed', 30);
    assert.match(condition(told, 'Ready')?.message ?? '', /^OrderCachePolicy guarded could not be written/);
    faults.delete(target);
    await readyWith('guarded', 'Ready', 60);
  });

  test('a number of workers: no more often than with backoff, though the decision stands each second', async () => {
    await readyPolicy('scaled');
    const target = 'deployments/scaled-cache-sync';
    faults.set(target, 500);
    const writes = writesOf(target);
    const begun = performance.now();
    await apply('scaled', { scaling: { minReplicas: 1 } });
    await readyWith('scaled', 'ApplyFailed', 30);
    await sleep(10_000);
    const [more, seconds] = [writesOf(target) - writes, (performance.now() - begun) / 1000];
    assert.ok(more < 0.75 * seconds, `${more} writes within ${seconds} s`);
    faults.delete(target);
  });
});

test('two failures in a row show nowhere', async () => {
  const name = 'blip';
  await readyPolicy(name);
  const told = new Set<string>();
  let watching = true;
  const watch = (async () => {
    while (watching) {
      const ready = condition(await existing(scene, at(name)), 'Ready');
      told.add(`${ready?.status} ${ready?.reason}`);
    }
  })();
  const target = `poddisruptionbudgets/${name}-cache-sync`;
  const budget = path(scene.namespace, 'poddisruptionbudgets', `${name}-cache-sync`);
  const { uid } = (await existing(scene, budget)).metadata;
  faults.set(target, 409);
  const writes = writesOf(target);
  await scene.delete(budget);
  await eventually('it fails twice', async () => assert.ok(writesOf(target) >= writes + 2));
  faults.delete(target);
  await eventually('it is back', async () =>
    assert.notEqual((await existing(scene, budget)).metadata.uid, uid),
  );
  watching = false;
  await watch;
  assert.deepEqual([...told], ['True Ready']);
});

describe('an admission webhook that nobody answers', () => {
  const webhook = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${scene.namespace}`;
  before(() => readyPolicy('admitted'));
  after(() => scene.delete(webhook));

  test('is named in the status of the policy whose workers cannot be changed, until it is gone', async () => {
    await scene.apply(webhook, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: scene.namespace },
      webhooks: [
        {
          name: 'guard.example.com',
          clientConfig: { url: 'https://127.0.0.1:1/' },
          rules: [
            { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['deployments'] },
          ],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': scene.namespace } },
          failurePolicy: 'Fail',
          sideEffects: 'None',
          timeoutSeconds: 1,
          admissionReviewVersions: ['v1'],
        },
      ],
    });
    await apply('admitted', { workers: { prefetchCount: 7 } });
    const told = await readyWith('admitted', 'ApplyFailed', 30);
    const message = condition(told, 'Ready')?.message ?? '';
    assert.match(message, /Deployment admitted-cache-sync could not be written.*500.*"guard\.example\.com"/);
    await scene.delete(webhook);
    await readyWith('admitted', 'Ready', 60);
  });
});
