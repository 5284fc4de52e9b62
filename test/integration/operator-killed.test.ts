import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { openSession } from '../../operator/kubernetes-session.ts';
import type { Operator } from '../../operator/operator.ts';
import { type Fault, faultySession } from './faulty-session.ts';
import { eventually, existing, path } from './operator-scene.ts';
import { operatorWorld } from './operator-world.ts';

const { scene, at, apply, readyWith } = await operatorWorld({ after });

/** Finalizer, four objects, and the status twice: pending and ready. */
const WRITES = 7;
const isWrite = (method: string) => method !== 'GET';

/** An operator that is dead from its nth write on: that write is not sent, or it is and nobody hears the answer. */
async function doomedOperator(
  nth: number,
  last: Fault,
): Promise<{ operator: Operator; died: () => boolean }> {
  const session = faultySession(openSession(scene.kubeconfig));
  let writes = 0;
  session.faultOf = ({ method }) => {
    if (isWrite(method)) writes += 1;
    if (writes < nth) return undefined;
    return writes === nth && isWrite(method) ? last : { kind: 'Reset' };
  };
  const operator = await scene.operator({ client: new KubernetesClient(session, () => undefined) });
  return { operator, died: () => writes >= nth };
}

const moments: readonly [string, Fault][] = [
  ['before', { kind: 'Reset' }],
  ['after', { kind: 'LoseAnswer' }],
];
for (let nth = 1; nth <= WRITES; nth += 1) {
  for (const [moment, fault] of moments) {
    test(`killed ${moment} its write ${nth} is sent, it leaves what the next one completes, made once`, async () => {
      const name = `killed-${nth}-${moment}`;
      const { operator, died } = await doomedOperator(nth, fault);
      await apply(name);
      await eventually('it dies', async () => assert.ok(died()));
      await operator.stop();
      const next = await scene.operator();
      const ready = await readyWith(name, 'Ready', 60);
      assert.deepEqual(ready.metadata.finalizers, ['ordercache.io/cleanup']);
      const deployment = await existing(scene, path(scene.namespace, 'deployments', `${name}-cache-sync`));
      assert.equal(deployment.metadata.generation, 1);
      await next.stop();
      await scene.patch(at(name), { metadata: { finalizers: null } });
      await scene.delete(at(name));
    });
  }
}
