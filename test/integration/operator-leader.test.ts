import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../operator/clock.ts';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { CONFIG_MAP } from '../../operator/kubernetes-objects.ts';
import type { Session } from '../../operator/kubernetes-session.ts';
import type { Timing } from '../../operator/leader-decision.ts';
import { LeaderElection, NotLeader } from '../../operator/leader-election.ts';
import { eventually, existing, openScene, path, type Scene } from './operator-scene.ts';

let scene: Scene;
before(async () => {
  scene = await openScene();
});
after(() => scene[Symbol.asyncDispose]());

/** A leader is not lost while a busy machine takes seconds for a renewal. */
const QUICK: Timing = { leaseSeconds: 7, holdMs: 6_000, retryMs: 300 };

function candidate(
  lease: string,
  identity: string,
  clock: Clock = systemClock,
  session: Session = scene.session,
) {
  const failures: unknown[] = [];
  const election = new LeaderElection({
    client: new KubernetesClient(session, () => undefined),
    namespace: scene.namespace,
    name: lease,
    identity,
    timing: QUICK,
    clock,
    onFailure: (error) => failures.push(error),
  });
  return { election, failures, client: new KubernetesClient(scene.session, election.assertHeld) };
}

async function holder(lease: string): Promise<unknown> {
  const at = `/apis/coordination.k8s.io/v1/namespaces/${scene.namespace}/leases/${lease}`;
  return ((await existing(scene, at)).spec as { holderIdentity?: string }).holderIdentity;
}

test('of two candidates one leads, and the other takes over at once when it lets go', async () => {
  const [one, two] = [candidate('two', 'one'), candidate('two', 'two')];
  await one.election.acquire();
  const kept = one.election.keep();
  const waiting = two.election.acquire();
  await sleep(8_000);
  assert.deepEqual([one.election.held, two.election.held], [true, false], 'longer than a lease');
  await one.election.release();
  await kept;
  await waiting;
  assert.equal(await holder('two'), 'two');
  await two.election.release();
  assert.deepEqual([one.failures, two.failures], [[], []]);
});

test('a leader lets go also while the answer to a renewal is on its way', async () => {
  const renewals: string[] = [];
  const { session } = scene;
  const slow: Session = {
    ...session,
    send: async (call) => {
      const reply = await session.send(call);
      if (call.method !== 'PUT' || renewals.length > 0) return reply;
      renewals.push(call.path);
      await sleep(1_000);
      return reply;
    },
  };
  const { election, failures } = candidate('renewing', 'leader', systemClock, slow);
  await election.acquire();
  const kept = election.keep();
  await eventually('the API server has renewed', async () => assert.equal(renewals.length, 1));
  await election.release();
  await kept;
  assert.deepEqual(failures, []);
  assert.equal(await holder('renewing'), '');
});

test('of ten that begin together exactly one leads', async () => {
  const all = Array.from({ length: 10 }, (_, index) => candidate('ten', `c${index}`).election);
  for (const election of all) void election.acquire();
  await eventually('somebody leads', async () => assert.ok(all.some(({ held }) => held)));
  await sleep(1_000);
  assert.equal(all.filter(({ held }) => held).length, 1);
  await Promise.all(all.map((election) => election.release()));
});

test('a leader that was frozen past its lease writes nothing more, and another leads', async () => {
  let frozenMs = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + frozenMs,
    monotonic: () => systemClock.monotonic() + frozenMs,
  };
  const frozen = candidate('frozen', 'frozen', clock);
  await frozen.election.acquire();
  const mine = (data: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: scene.namespace, name: 'fenced' },
    data: { by: data },
  });
  await frozen.client.apply(CONFIG_MAP, mine('the leader'));
  frozenMs = QUICK.holdMs;
  await assert.rejects(frozen.client.apply(CONFIG_MAP, mine('the frozen one')), NotLeader);
  const next = candidate('frozen', 'next');
  await next.election.acquire();
  assert.ok(next.election.held);
  const { data } = await existing(scene, path(scene.namespace, 'configmaps', 'fenced'));
  assert.deepEqual(data, { by: 'the leader' });
  await frozen.election.release();
  assert.equal(await holder('frozen'), 'next', 'who has lost the lease does not release it');
  await next.election.release();
});
