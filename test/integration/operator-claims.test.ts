import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { Redis } from 'ioredis';
import { ownerOf, ttlTableKey } from '../../api/names.ts';
import { decodeTtlTable, encodeTtlTable, type TtlTable } from '../../cache/ttl-table.ts';
import { claimOwners } from '../../operator/claim-owners.ts';
import { createTopology } from '../../operator/topology.ts';
import { createTtlPublisher } from '../../operator/ttl-publisher.ts';
import { testRedis, testVhost } from '../servers/index.ts';
import { TABLE } from './cache-world.ts';
import { quietOutside } from './operator-outside.ts';
import { credentialsFor, policyWith } from './operator-policy.ts';
import { condition, existing, policy } from './operator-scene.ts';
import { operatorWorld } from './operator-world.ts';

/** Whose claim in Redis or at the broker is respected, and whose is taken over. */

const rabbitmq = await testVhost({ after });
const cache = await testRedis({ after });
const redis = new Redis(cache.uri, { commandTimeout: 5_000 });
after(async () => redis.disconnect());
const { amqpUri, managementUri, vhost } = rabbitmq;
const { scene, at, apply, readyWith, notes } = await operatorWorld(
  { after },
  {
    rabbitmq: { uri: amqpUri },
    'rabbitmq-admin': { uri: amqpUri, managementUri },
    redis: { uri: cache.uri },
  },
);
const installation = scene.namespace;
const owners = claimOwners(scene.client, installation);
await scene.operator({
  outside: ({ onDrift }) => ({
    topology: createTopology({ installation, mayWrite: () => {}, owners }),
    ttl: createTtlPublisher({ installation, mayWrite: () => {}, onDrift, owners }),
    sampler: quietOutside().sampler,
  }),
});

/** A policy with a key prefix of this name and, if told, a queue of this name. */
async function claim(name: string, prefix: string, queue?: string): Promise<void> {
  const { rabbitmq: broker } = policy(scene.namespace, name).spec as { rabbitmq: object };
  await apply(name, {
    rabbitmq: {
      ...broker,
      exchanges: [{ name: 'mes', managementPolicy: 'Declare' }],
      ...(queue && { queue: { name: queue } }),
    },
    redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: cache.keyPrefix + prefix },
  });
}

const key = (prefix: string) => ttlTableKey(cache.keyPrefix + prefix);
const claimed = (prefix: string, owner: string, uid = 'uid-old') =>
  redis.set(key(prefix), encodeTtlTable({ ...TABLE, owner, uid }));
const tableOf = async (prefix: string): Promise<TtlTable | null> =>
  decodeTtlTable((await redis.get(key(prefix))) ?? '');
const uidOf = async (name: string) => String((await existing(scene, at(name))).metadata.uid);
const message = async (name: string, type: string) =>
  condition(await existing(scene, at(name)), type)?.message;

it('takes over a key prefix whose owner does not exist any more, with an event that names it', async () => {
  const gone = ownerOf(installation, { namespace: 'no-such-namespace', name: 'orders' });
  await claimed('gone:', gone);
  await redis.set(`ordercache:catch-up:${cache.keyPrefix}gone:`, '{}');
  await claim('heir', 'gone:');
  await readyWith('heir', 'Ready', 60);
  assert.equal((await tableOf('gone:'))?.uid, await uidOf('heir'));
  assert.match(
    (await notes('heir', 'KeyPrefixTakenOver')).join(),
    new RegExp(`from ${gone}, which does not exist`),
  );
  const catchUp = await redis.get(`ordercache:catch-up:${cache.keyPrefix}gone:`);
  assert.equal(catchUp, null, 'the records are compared with the database as in a new cache');
});

it('takes over a key prefix of a policy that was deleted and made again with another one', async () => {
  await claim('again', 'again-new:');
  await readyWith('again', 'Ready', 60);
  await claimed('again-old:', ownerOf(installation, { namespace: scene.namespace, name: 'again' }));
  await claim('after-again', 'again-old:');
  await readyWith('after-again', 'Ready', 60);
  assert.equal((await tableOf('again-old:'))?.uid, await uidOf('after-again'));
});

it('leaves a key prefix to a policy that exists, and says so', async () => {
  await claim('alive', 'alive:');
  await readyWith('alive', 'Ready', 60);
  const owner = ownerOf(installation, { namespace: scene.namespace, name: 'alive' });
  await claimed('kept:', owner, await uidOf('alive'));
  await claim('late', 'kept:');
  await readyWith('late', 'KeyPrefixConflict', 60);
  assert.match(
    `${await message('late', 'CacheReady')}`,
    new RegExp(`belongs to ${owner}, which exists; delete that`),
  );
  assert.equal((await tableOf('kept:'))?.owner, owner);
});

it('leaves a key prefix to another installation until the annotation of the message is set', async () => {
  await claimed('foreign:', 'elsewhere/shop/orders');
  await claim('newcomer', 'foreign:');
  await readyWith('newcomer', 'KeyPrefixConflict', 60);
  const said = `${await message('newcomer', 'CacheReady')}`;
  const [, annotation = '', value = ''] =
    /set the annotation (\S+): (\S+) on this OrderCachePolicy/.exec(said) ?? [];
  assert.equal(value, 'elsewhere/shop/orders', said);
  await scene.patch(at('newcomer'), { metadata: { annotations: { [annotation]: value } } });
  await readyWith('newcomer', 'Ready', 60);
  assert.equal((await tableOf('foreign:'))?.uid, await uidOf('newcomer'));
  assert.match((await notes('newcomer', 'KeyPrefixTakenOver')).join(), /from elsewhere\/shop\/orders/);
});

/** Declared as a policy of this installation or another one did that is not in this cluster any more. */
async function left(queue: string, of = installation): Promise<void> {
  const topology = createTopology({ installation: of, mayWrite: () => {} });
  const rabbitmqSpec = {
    exchanges: [],
    bindings: [],
    queue: { name: queue, revision: 1 },
    deadLetter: { maxLength: 100_000 },
  };
  const orphan = policyWith({ rabbitmq: rabbitmqSpec });
  const result = await topology.reconcile(orphan, credentialsFor(amqpUri, managementUri, vhost));
  assert.equal(result.kind, 'Declared');
}

it('takes over a queue whose owner does not exist any more, keeps it, and an event names that owner', async () => {
  await left('orphaned');
  await claim('queue-heir', 'queue-heir:', 'orphaned');
  await readyWith('queue-heir', 'Ready', 60);
  assert.match(
    (await notes('queue-heir', 'TopologyAdopted')).join(),
    new RegExp(`${installation}/shop/orders`),
  );
  await scene.patch(at('queue-heir'), { spec: { rabbitmq: { retry: { maxAttempts: 3 } } } });
  await readyWith('queue-heir', 'Ready', 60);
});

it('leaves a queue to another installation until the annotation of the message is set', async () => {
  await left('foreign-queue', 'elsewhere');
  await claim('queue-newcomer', 'queue-newcomer:', 'foreign-queue');
  await readyWith('queue-newcomer', 'QueueOwnedByOther', 60);
  const said = `${await message('queue-newcomer', 'TopologyReady')}`;
  const [, annotation = '', value = ''] =
    /set the annotation (\S+): (\S+) on this OrderCachePolicy/.exec(said) ?? [];
  assert.equal(value, 'elsewhere/shop/orders', said);
  await scene.patch(at('queue-newcomer'), { metadata: { annotations: { [annotation]: value } } });
  await readyWith('queue-newcomer', 'Ready', 60);
});
