import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureCluster } from '../cluster/index.ts';
import { type Fields, merge, refusals } from '../fixtures/refused-policies.ts';
import {
  eventually,
  type Json,
  openScene,
  policy,
  policyPath,
  Refused,
  type Scene,
} from './operator-scene.ts';

let scene: Scene;
before(async () => {
  scene = await openScene();
});
after(() => scene[Symbol.asyncDispose]());

/** A valid policy's spec with some fields replaced; undefined removes a field. */
function specWith(changes: Fields): Fields {
  const { spec } = policy(scene.namespace, 'base', {
    database: { connectionSecretRef: { name: 'orders-db' } },
    strategy: 'WriteThrough',
  });
  return merge(structuredClone(spec) as Fields, changes);
}

async function refusal(spec: Fields, name = 'refused'): Promise<string> {
  try {
    await create(spec, name);
  } catch (error) {
    assert.ok(error instanceof Refused);
    assert.equal(error.status, 422, error.message);
    return error.message;
  }
  return assert.fail('the API server accepted it');
}

function create(spec: Fields, name: string): Promise<Json> {
  const { namespace } = scene;
  const object = { ...policy(namespace, name), spec };
  return scene.session
    .send({ method: 'POST', path: policyPath(namespace), body: object, deadline: 10_000 })
    .then(({ status, body }) => {
      if (status >= 300) throw new Refused(status, body as Json);
      return body as Json;
    });
}

for (const [situation, changes, field] of refusals) {
  test(`the API server refuses ${situation} and names ${field}`, async () => {
    const message = await refusal(specWith(changes));
    assert.ok(message.includes(field), message);
  });
}

test('a policy with a name that is too long for its workers is refused', async () => {
  const message = await refusal(specWith({}), 'p'.repeat(51));
  assert.match(message, /metadata\.name must be a DNS label of at most 50 characters/);
});

const immutable: readonly [string, Fields, string][] = [
  ['the key prefix', { redis: { keyPrefix: 'other:' } }, 'spec.redis.keyPrefix'],
  ['the name of the queue', { rabbitmq: { queue: { name: 'other' } } }, 'spec.rabbitmq.queue.name'],
  ['the revision by two', { rabbitmq: { queue: { revision: 3 } } }, 'spec.rabbitmq.queue.revision'],
];

for (const [what, changes, field] of immutable) {
  test(`an edit of ${what} is refused and names ${field}`, async () => {
    const name = `kept-${field.split('.').at(-1)?.toLowerCase()}`;
    await create(specWith({ redis: { keyPrefix: 'kept:' } }), name);
    const path = policyPath(scene.namespace, name);
    await assert.rejects(scene.patch(path, { spec: changes }), (error: Error) => {
      assert.ok(error.message.includes(field), error.message);
      return true;
    });
  });
}

test('what a user leaves out is filled in, each part of resources by itself', async () => {
  const created = await create(specWith({ workers: { resources: { requests: { cpu: '1' } } } }), 'defaults');
  const spec = created.spec as Fields;
  assert.deepEqual((spec.workers as Fields).resources, {
    requests: { cpu: '1', memory: '128Mi' },
    limits: { memory: '256Mi' },
  });
  assert.deepEqual(spec.ttl, { defaultSeconds: 3600, jitterPercent: 10, statuses: [], absentSeconds: 0 });
  assert.deepEqual(spec.scaling, {
    mode: 'Auto',
    minReplicas: 0,
    maxReplicas: 10,
    targetDrainSeconds: 30,
    behavior: {},
  });
  const status = created.status as {
    observedGeneration: number;
    conditions: { type: string; status: string }[];
  };
  assert.equal(status.observedGeneration, -1);
  assert.deepEqual(
    status.conditions.map(({ type, status: is }) => [type, is]),
    [['Ready', 'Unknown']],
  );
});

test('kubectl explain describes the scaling fields', async () => {
  const { kubectl, kubeconfig } = await ensureCluster();
  const cache = mkdtempSync(join(tmpdir(), 'kubectl-'));
  const explained = await eventually('an explanation', async () => {
    const { stdout, stderr, status } = spawnSync(
      kubectl,
      ['explain', 'ocp.spec.scaling', '--cache-dir', cache],
      {
        env: { ...process.env, KUBECONFIG: kubeconfig },
        encoding: 'utf8',
        timeout: 30_000,
      },
    );
    assert.equal(status, 0, stderr);
    return stdout.replace(/\s+/g, ' ');
  });
  rmSync(cache, { recursive: true });
  for (const words of ['targetDrainSeconds', 'a backlog is gone within this time', 'minReplicas']) {
    assert.ok(explained.includes(words), `${words} is missing in: ${explained}`);
  }
});
