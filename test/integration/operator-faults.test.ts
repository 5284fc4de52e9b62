import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { openSession } from '../../operator/kubernetes-session.ts';
import { type Fault, faultySession } from './faulty-session.ts';
import { condition, eventually, existing, path } from './operator-scene.ts';
import { operatorWorld } from './operator-world.ts';

const { scene, at, apply, readyWith } = await operatorWorld({ after });
const faulty = faultySession(openSession(scene.kubeconfig));
after(() => faulty.close());
await scene.operator({ client: new KubernetesClient(faulty, () => undefined) });

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
    await apply(name);
    await readyWith(name, 'Ready', 60);
    faulty.faultOf = () => undefined;
    const deployment = await existing(scene, path(scene.namespace, 'deployments', `${name}-cache-sync`));
    assert.equal(deployment.metadata.generation, 1, 'it was made once and never changed');
    const calls = faulty.calls.length - before;
    assert.ok(calls < 400, `${calls} calls`);
  });
}

test('reads that fail for a while are made up for', async () => {
  const before = faulty.faults;
  faulty.faultOf = ({ method }) => (method === 'GET' ? fault(500) : undefined);
  await apply('reads');
  await eventually('some reads fail', async () => assert.ok(faulty.faults > before + 2));
  faulty.faultOf = () => undefined;
  await readyWith('reads', 'Ready', 60);
});

test('a change is seen within 60 s though the watches have died silently', async () => {
  faulty.silent = true;
  await apply('silent');
  await sleep(5_000);
  const unseen = await existing(scene, at('silent'));
  assert.equal(condition(unseen, 'Ready')?.status, 'Unknown', 'the watches were not silent');
  faulty.silent = false;
  await readyWith('silent', 'Ready', 55);
});

test('one broken policy does not keep others from getting ready', async () => {
  faulty.faultOf = ({ path: called, method }) =>
    isWrite(method) && called.includes('broken') ? fault(500) : undefined;
  const before = faulty.faults;
  await apply('broken');
  await eventually('the broken one fails', async () => assert.ok(faulty.faults > before));
  for (const name of ['well-1', 'well-2', 'well-3']) {
    await apply(name);
    await readyWith(name, 'Ready');
  }
  faulty.faultOf = () => undefined;
  await readyWith('broken', 'Ready', 60);
});
