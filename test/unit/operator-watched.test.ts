import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../operator/clock.ts';
import { type KubernetesClient, KubernetesError } from '../../operator/kubernetes-client.ts';
import { type Kind, POLICY } from '../../operator/kubernetes-objects.ts';
import { Watched } from '../../operator/watched.ts';

async function* quiet() {
  yield new TextEncoder().encode('\n');
  await sleep(60_000, undefined, { ref: false });
}

/** An API server with a policy `orders` in each namespace; of those that are refused nothing can be listed. */
function serverThatRefuses(refused: Set<string>): KubernetesClient {
  const fake: Pick<KubernetesClient, 'listPage' | 'watch'> = {
    async listPage(kind: Kind, namespace = '') {
      if (refused.has(namespace)) throw new KubernetesError('Forbidden', 'API server answered 403');
      const metadata = { namespace, name: 'orders', uid: namespace, resourceVersion: '1' };
      const items = kind === POLICY ? [{ apiVersion: kind.apiVersion, kind: kind.kind, metadata }] : [];
      return { items, resourceVersion: '1', next: undefined };
    },
    watch: async () => quiet(),
  };
  return fake as KubernetesClient;
}

test('a namespace whose rights are gone holds up no other, and is looked after once they are back', async (t) => {
  const refused = new Set(['gone']);
  const changed: string[] = [];
  const watched = new Watched({
    client: serverThatRefuses(refused),
    namespaces: ['gone', 'shop'],
    clock: systemClock,
    random: () => 0.1,
    onChange: (key) => changed.push(key),
    onPolicyGone: () => undefined,
    onFailure: () => undefined,
  });
  t.after(() => watched.stop());
  watched.start();
  await watched.answered();
  assert.deepEqual([watched.isSyncedIn('shop'), watched.isSyncedIn('gone')], [true, false]);
  const oldest = Math.max(...watched.ages().values());
  assert.ok(oldest < 1_000, 'a refusal is an answer: a restart would not help');
  refused.clear();
  changed.length = 0;
  while (!watched.isSyncedIn('gone')) await sleep(20);
  await sleep(0);
  assert.ok(changed.includes('gone/orders'));
});
