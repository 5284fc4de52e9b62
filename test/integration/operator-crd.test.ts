import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureCluster } from '../cluster/index.ts';
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

type Fields = { [key: string]: Fields | unknown };

/** A valid policy's spec with some fields replaced; undefined removes a field. */
function specWith(changes: Fields): Fields {
  const { spec } = policy(scene.namespace, 'base', {
    database: { connectionSecretRef: { name: 'orders-db' } },
    strategy: 'WriteThrough',
  });
  return merge(structuredClone(spec) as Fields, changes);
}

function merge(into: Fields, changes: Fields): Fields {
  for (const [key, value] of Object.entries(changes)) {
    if (isFields(value) && isFields(into[key])) merge(into[key], value);
    else if (value === undefined) delete into[key];
    else into[key] = value;
  }
  return into;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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

const exchanges = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `e${index}` }));
const bindings = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ exchange: 'mes', routingKey: `key.${index}` }));

const refusals: readonly [string, Fields, string][] = [
  ['a deletion policy that does not exist', { deletionPolicy: 'Keep' }, 'spec.deletionPolicy'],
  ['suspend as a string', { suspend: 'yes' }, 'spec.suspend'],
  ['a strategy in the wrong case', { strategy: 'writethrough' }, 'spec.strategy'],
  ['WriteThrough without a database', { database: undefined }, 'spec.database'],
  ['a format that does not exist', { event: { format: 'Avro' } }, 'spec.event.format'],
  ['a pointer without a slash', { event: { orderIdPointer: 'orderId' } }, 'spec.event.orderIdPointer'],
  ['a pointer with a bad escape', { event: { statusPointer: '/a~2' } }, 'spec.event.statusPointer'],
  ['an empty pointer', { event: { timestampPointer: '' } }, 'spec.event.timestampPointer'],
  ['a version pointer without a slash', { event: { versionPointer: 'v' } }, 'spec.event.versionPointer'],
  ['an unknown timestamp format', { event: { timestampFormat: 'ISO' } }, 'spec.event.timestampFormat'],
  ['a body limit of nothing', { event: { maxBodyBytes: 0 } }, 'spec.event.maxBodyBytes'],
  ['a body limit beyond 1 MiB', { event: { maxBodyBytes: 1_048_577 } }, 'spec.event.maxBodyBytes'],
  ['no RabbitMQ', { rabbitmq: undefined }, 'spec.rabbitmq'],
  [
    'no Secret for the workers',
    { rabbitmq: { connectionSecretRef: undefined } },
    'spec.rabbitmq.connectionSecretRef',
  ],
  [
    'no management Secret',
    { rabbitmq: { managementSecretRef: undefined } },
    'spec.rabbitmq.managementSecretRef',
  ],
  [
    'a Secret without a name',
    { rabbitmq: { connectionSecretRef: { name: '' } } },
    'spec.rabbitmq.connectionSecretRef.name',
  ],
  ['no exchanges', { rabbitmq: { exchanges: [] } }, 'spec.rabbitmq.exchanges'],
  [
    '21 exchanges',
    { rabbitmq: { exchanges: [...exchanges(20), { name: 'mes' }] } },
    'spec.rabbitmq.exchanges',
  ],
  [
    'an exchange twice',
    { rabbitmq: { exchanges: [{ name: 'mes' }, { name: 'mes' }] } },
    'spec.rabbitmq.exchanges[1]',
  ],
  [
    'an exchange with a blank',
    { rabbitmq: { exchanges: [{ name: 'm s' }] } },
    'spec.rabbitmq.exchanges[0].name',
  ],
  [
    'an exchange of the broker',
    { rabbitmq: { exchanges: [{ name: 'mes' }, { name: 'amq.topic' }] } },
    'spec.rabbitmq',
  ],
  [
    'an unknown exchange type',
    { rabbitmq: { exchanges: [{ name: 'mes', type: 'Headers' }] } },
    'spec.rabbitmq.exchanges[0].type',
  ],
  [
    'an unknown management policy',
    { rabbitmq: { exchanges: [{ name: 'mes', managementPolicy: 'Own' }] } },
    'spec.rabbitmq.exchanges[0].managementPolicy',
  ],
  ['no bindings', { rabbitmq: { bindings: [] } }, 'spec.rabbitmq.bindings'],
  ['1,500 bindings', { rabbitmq: { bindings: bindings(1500) } }, 'spec.rabbitmq.bindings'],
  [
    'a binding twice',
    { rabbitmq: { bindings: [...bindings(1), ...bindings(1)] } },
    'spec.rabbitmq.bindings[1]',
  ],
  [
    'a binding to another exchange',
    { rabbitmq: { bindings: [{ exchange: 'crm' }] } },
    'spec.rabbitmq.bindings',
  ],
  [
    'a routing key of 256 bytes',
    { rabbitmq: { bindings: [{ exchange: 'mes', routingKey: 'k'.repeat(256) }] } },
    'spec.rabbitmq.bindings[0].routingKey',
  ],
  [
    'a confirmation to an exchange that is not listed',
    { confirmation: { exchange: 'told' } },
    'spec.confirmation.exchange',
  ],
  ['a confirmation to nobody', { confirmation: { replyTo: false } }, 'spec.confirmation.exchange'],
  ['a queue of the broker', { rabbitmq: { queue: { name: 'amq.mine' } } }, 'spec.rabbitmq'],
  [
    'a queue name of 201 bytes',
    { rabbitmq: { queue: { name: 'q'.repeat(201) } } },
    'spec.rabbitmq.queue.name',
  ],
  ['a queue name with a line feed', { rabbitmq: { queue: { name: 'a\nb' } } }, 'spec.rabbitmq.queue.name'],
  ['queue revision 0', { rabbitmq: { queue: { revision: 0 } } }, 'spec.rabbitmq.queue.revision'],
  ['no attempts', { rabbitmq: { retry: { maxAttempts: 0 } } }, 'spec.rabbitmq.retry.maxAttempts'],
  [
    'an initial delay above the greatest',
    { rabbitmq: { retry: { initialDelaySeconds: 61 } } },
    'spec.rabbitmq.retry.initialDelaySeconds',
  ],
  [
    'a delay of two hours',
    { rabbitmq: { retry: { maxDelaySeconds: 7200 } } },
    'spec.rabbitmq.retry.maxDelaySeconds',
  ],
  [
    'a dead-letter queue of length 0',
    { rabbitmq: { deadLetter: { maxLength: 0 } } },
    'spec.rabbitmq.deadLetter.maxLength',
  ],
  ['no Redis', { redis: undefined }, 'spec.redis'],
  ['an empty key prefix', { redis: { keyPrefix: '' } }, 'spec.redis.keyPrefix'],
  ['a key prefix with a brace', { redis: { keyPrefix: '{a}' } }, 'spec.redis.keyPrefix'],
  ['the reserved key prefix', { redis: { keyPrefix: 'ordercache:x' } }, 'spec.redis.keyPrefix'],
  ['a table with a quote', { database: { table: 'orders"; drop' } }, 'spec.database.table'],
  [
    'a column with a blank',
    { database: { columns: { status: 'the status' } } },
    'spec.database.columns.status',
  ],
  ['a TTL of 0', { ttl: { defaultSeconds: 0 } }, 'spec.ttl.defaultSeconds'],
  ['a TTL of more than a year', { ttl: { defaultSeconds: 31_536_001 } }, 'spec.ttl.defaultSeconds'],
  ['a jitter above one half', { ttl: { jitterPercent: 51 } }, 'spec.ttl.jitterPercent'],
  [
    'a status twice',
    {
      ttl: {
        statuses: [
          { status: 'A', seconds: 1 },
          { status: 'A', seconds: 2 },
        ],
      },
    },
    'spec.ttl.statuses[1]',
  ],
  [
    'a status without a name',
    { ttl: { statuses: [{ status: '', seconds: 1 }] } },
    'spec.ttl.statuses[0].status',
  ],
  [
    'prefetch 0, which AMQP takes for unlimited',
    { workers: { prefetchCount: 0 } },
    'spec.workers.prefetchCount',
  ],
  ['a fractional prefetch', { workers: { prefetchCount: 1.5 } }, 'spec.workers.prefetchCount'],
  ['a huge prefetch', { workers: { prefetchCount: 9_007_199_254_740_992 } }, 'spec.workers.prefetchCount'],
  [
    'an amount of memory that is none',
    { workers: { resources: { limits: { memory: 'lots' } } } },
    'spec.workers.resources.limits.memory',
  ],
  [
    'an amount of memory that only looks like one',
    { workers: { resources: { limits: { memory: '1.2.3' } } } },
    'spec.workers.resources.limits.memory',
  ],
  [
    'an amount of memory with an endless exponent',
    { workers: { resources: { limits: { memory: '1e999999999' } } } },
    'spec.workers.resources.limits.memory',
  ],
  [
    'a Secret name that is a path',
    { redis: { connectionSecretRef: { name: '..' } } },
    'spec.redis.connectionSecretRef.name',
  ],
  [
    'a queue with a name of the retry ladder',
    { rabbitmq: { queue: { name: 'ordercache.delay.1s' } } },
    'spec.rabbitmq',
  ],
  [
    'a routing key that is longer in bytes than AMQP allows',
    { rabbitmq: { bindings: [{ exchange: 'mes', routingKey: 'é'.repeat(200) }] } },
    'spec.rabbitmq.bindings[0].routingKey',
  ],
  [
    'a grace period of a second',
    { workers: { terminationGracePeriodSeconds: 1 } },
    'spec.workers.terminationGracePeriodSeconds',
  ],
  [
    'an unknown toleration',
    { workers: { tolerations: [{ operator: 'Maybe' }] } },
    'spec.workers.tolerations[0].operator',
  ],
  ['min above max', { scaling: { minReplicas: 11 } }, 'spec.scaling.minReplicas'],
  ['a negative minimum', { scaling: { minReplicas: -1 } }, 'spec.scaling.minReplicas'],
  ['1,001 workers', { scaling: { maxReplicas: 1001 } }, 'spec.scaling.maxReplicas'],
  ['a maximum of 0', { scaling: { maxReplicas: 0, minReplicas: 0 } }, 'spec.scaling.maxReplicas'],
  ['a drain time of 0', { scaling: { targetDrainSeconds: 0 } }, 'spec.scaling.targetDrainSeconds'],
  ['an unknown scaling mode', { scaling: { mode: 'auto' } }, 'spec.scaling.mode'],
  [
    'a stabilization window of two hours',
    { scaling: { behavior: { scaleDown: { stabilizationWindowSeconds: 7200 } } } },
    'spec.scaling.behavior.scaleDown.stabilizationWindowSeconds',
  ],
  [
    'a scaling policy without a value',
    { scaling: { behavior: { scaleUp: { policies: [{ type: 'Pods', periodSeconds: 1 }] } } } },
    'spec.scaling.behavior.scaleUp.policies[0].value',
  ],
];

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
