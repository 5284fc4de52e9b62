import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../operator/clock.ts';
import type { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { type KubernetesObject, POLICY } from '../../operator/kubernetes-objects.ts';
import { Reflector } from '../../operator/reflector.ts';

const object = (resourceVersion: string, generation: number): KubernetesObject => ({
  apiVersion: POLICY.apiVersion,
  kind: POLICY.kind,
  metadata: { namespace: 'shop', name: 'orders', resourceVersion, generation },
});

/** A watch that tells of one change and then stays open. */
async function* changed(to: KubernetesObject) {
  yield new TextEncoder().encode(`${JSON.stringify({ type: 'MODIFIED', object: to })}\n`);
  await sleep(60_000, undefined, { ref: false });
}

function reflector(client: Partial<KubernetesClient>) {
  return new Reflector({
    client: client as KubernetesClient,
    kind: POLICY,
    namespace: 'shop',
    clock: systemClock,
    random: () => 0.5,
    onChange: () => undefined,
    onFailure: () => undefined,
  });
}

test('the answer to a write of ours does not hide a change that the watch has brought meanwhile', async (t) => {
  const one = reflector({
    listPage: async () => ({ items: [object('10', 1)], resourceVersion: '10', next: undefined }),
    watch: async () => changed(object('12', 2)),
  });
  t.after(() => one.stop());
  void one.run();
  while (one.get('shop/orders')?.metadata.resourceVersion !== '12') await sleep(5);
  one.learn(object('11', 1));
  assert.equal(one.get('shop/orders')?.metadata.generation, 2);
  one.learn(object('13', 3));
  assert.equal(one.get('shop/orders')?.metadata.generation, 3, 'what is newer is taken over');
});
