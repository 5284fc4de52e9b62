import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { openSession } from '../../operator/kubernetes-session.ts';
import { type Fault, type FaultySession, faultySession } from './faulty-session.ts';
import {
  applySecrets,
  eventually,
  existing,
  openScene,
  path,
  policy,
  policyPath,
  readyWith,
  type Scene,
} from './operator-scene.ts';

let scene: Scene;
let faulty: FaultySession;
before(async () => {
  scene = await openScene();
  await applySecrets(scene);
  faulty = faultySession(openSession(scene.kubeconfig));
  await scene.operator({ client: new KubernetesClient(faulty, () => undefined) });
});
after(async () => {
  await scene[Symbol.asyncDispose]();
  await faulty.close();
});

const at = (name: string) => policyPath(scene.namespace, name);
const isWrite = (method: string) => method !== 'GET';
const fault = (status: number): Fault => ({ kind: 'Answer', status });

const faults: readonly [string, Fault][] = [
  ['409', fault(409)],
  ['422', fault(422)],
  ['429', fault(429)],
  ['500', fault(500)],
  ['503', fault(503)],
  ['410', fault(410)],
  ['a reset before', { kind: 'Reset' }],
  ['a reset after', { kind: 'LoseAnswer' }],
];

for (const [what, one] of faults) {
  test(`a policy gets ready though every second write meets ${what} the server acted, at a bounded rate`, async () => {
    const name = `w-${what.replace(/\W+/g, '-')}`;
    const before = faulty.calls.length;
    let turn = 0;
    faulty.faultOf = ({ method }) => {
      if (!isWrite(method)) return undefined;
      turn += 1;
      return turn % 2 === 1 ? one : undefined;
    };
    await scene.apply(at(name), policy(scene.namespace, name));
    await readyWith(scene, name, 'Ready', 60);
    faulty.faultOf = () => undefined;
    const deployment = await existing(scene, path(scene.namespace, 'deployments', `${name}-cache-sync`));
    assert.equal(deployment.metadata.generation, 1, 'it was made once and never changed');
    const calls = faulty.calls.length - before;
    assert.ok(calls < 400, `${calls} calls`);
  });
}

test('reads that fail for a while are made up for', async () => {
  faulty.faultOf = ({ method }) => (method === 'GET' ? fault(500) : undefined);
  await scene.apply(at('reads'), policy(scene.namespace, 'reads'));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  faulty.faultOf = () => undefined;
  await readyWith(scene, 'reads', 'Ready', 20);
});

test('a change is seen within 60 s though the watches have died silently', async () => {
  faulty.silent = true;
  await scene.apply(at('silent'), policy(scene.namespace, 'silent'));
  setTimeout(() => {
    faulty.silent = false;
  }, 5_000);
  const begun = Date.now();
  await readyWith(scene, 'silent', 'Ready', 60);
  assert.ok(Date.now() - begun > 5_000, 'the watches were not silent');
});

test('one broken policy does not keep others from getting ready', async () => {
  faulty.faultOf = ({ path: called, method }) =>
    isWrite(method) && called.includes('broken') ? fault(500) : undefined;
  await scene.apply(at('broken'), policy(scene.namespace, 'broken'));
  await eventually('the broken one fails', async () => assert.ok(faulty.faults > 0));
  for (const name of ['well-1', 'well-2', 'well-3']) {
    await scene.apply(at(name), policy(scene.namespace, name));
    await readyWith(scene, name, 'Ready', 10);
  }
  faulty.faultOf = () => undefined;
  await readyWith(scene, 'broken', 'Ready', 60);
});
