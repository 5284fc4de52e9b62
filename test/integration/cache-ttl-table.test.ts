import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ttlTableKey } from '../../api/names.ts';
import { connectRedis } from '../../cache/connect.ts';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { followTtlTable } from '../../cache/ttl-table-follower.ts';
import {
  deleteRecords,
  deleteTtlTable,
  type EraseProgress,
  publishTtlTable,
  readTtlTable,
  retireTtlTable,
  type TableOwner,
} from '../../cache/ttl-table-redis.ts';
import { faultProxy } from '../servers/index.ts';
import { ownRedis } from '../servers/own-redis.ts';
import { cacheWorld, PATIENT, TABLE } from './cache-world.ts';

const other: TtlTable = { ...TABLE, owner: 'test/shop/other', uid: 'uid-2' };

test('a table is published once, read back, and publishing it again changes nothing', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  assert.equal(await readTtlTable(connection, keyPrefix), null);
  assert.deepEqual(await publishTtlTable(connection, keyPrefix, TABLE), { kind: 'Published' });
  assert.deepEqual(await publishTtlTable(connection, keyPrefix, TABLE), { kind: 'Unchanged' });
  assert.equal((await readTtlTable(connection, keyPrefix))?.uid, TABLE.uid);
});

test('another owner’s Active table stays; a retired one is taken over', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  await publishTtlTable(connection, keyPrefix, TABLE);
  const { owner, uid } = TABLE;
  const refused = { kind: 'OwnedByOther', owner, uid };
  assert.deepEqual(await publishTtlTable(connection, keyPrefix, other), refused);
  assert.deepEqual(await retireTtlTable(connection, keyPrefix, other), refused);
  assert.deepEqual(await deleteTtlTable(connection, keyPrefix, other), refused);
  assert.deepEqual(await retireTtlTable(connection, keyPrefix, TABLE), { kind: 'Retired' });
  assert.deepEqual(await retireTtlTable(connection, keyPrefix, TABLE), { kind: 'Retired' });
  assert.deepEqual(await publishTtlTable(connection, keyPrefix, other), {
    kind: 'Published',
    before: { owner, uid },
  });
  assert.deepEqual(await deleteTtlTable(connection, keyPrefix, other), { kind: 'Deleted' });
  assert.deepEqual(await deleteTtlTable(connection, keyPrefix, other), { kind: 'Absent' });
});

test('an Active table is taken over from exactly the owner and UID that are named', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  await publishTtlTable(connection, keyPrefix, TABLE);
  const { owner, uid } = TABLE;
  const takeOver = (from: TableOwner) =>
    publishTtlTable(connection, keyPrefix, other, undefined, from).then(({ kind }) => kind);
  assert.equal(await takeOver({ owner, uid: 'uid-before' }), 'OwnedByOther');
  assert.equal(await takeOver({ owner: 'test/shop/third', uid }), 'OwnedByOther');
  assert.equal(await takeOver({ owner, uid }), 'Published');
  assert.equal((await readTtlTable(connection, keyPrefix))?.owner, other.owner);
});

test('a table of the same UID is the policy’s own, whatever its installation was called', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  await publishTtlTable(connection, keyPrefix, { ...TABLE, owner: 'former/shop/orders' });
  assert.deepEqual(await publishTtlTable(connection, keyPrefix, TABLE), { kind: 'Published' });
  assert.equal((await readTtlTable(connection, keyPrefix))?.owner, TABLE.owner);
});

test('an operator that is behind does not put an older revision back; a policy made anew starts again', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  await publishTtlTable(connection, keyPrefix, { ...TABLE, revision: 5 });
  const late = await publishTtlTable(connection, keyPrefix, { ...TABLE, revision: 4 });
  assert.deepEqual(late, { kind: 'Superseded', revision: 5 });
  const anew = await publishTtlTable(connection, keyPrefix, { ...TABLE, uid: 'uid-9', revision: 1 });
  assert.deepEqual(anew, { kind: 'Published' });
});

test('of two owners that publish at the same time one wins', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  const results = await Promise.all(
    [TABLE, other].map((table) => publishTtlTable(connection, keyPrefix, table)),
  );
  assert.deepEqual(results.map(({ kind }) => kind).sort(), ['OwnedByOther', 'Published']);
});

test('who may not write any more does not write', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  const mayWrite = () => {
    throw new Error('not the leader');
  };
  await assert.rejects(publishTtlTable(connection, keyPrefix, TABLE, mayWrite), /not the leader/);
  assert.equal(await readTtlTable(connection, keyPrefix), null);
});

test('a text that is no table counts as none and is replaced', async (t) => {
  const { connection, keyPrefix, redis } = await cacheWorld(t);
  await redis.set(ttlTableKey(keyPrefix), '{"state":"Active"}');
  assert.equal(await readTtlTable(connection, keyPrefix), null);
  assert.deepEqual(await publishTtlTable(connection, keyPrefix, TABLE), { kind: 'Published' });
});

test('a follower has an edited table within five seconds, and none after its retirement', async (t) => {
  const { connection, keyPrefix } = await cacheWorld(t);
  await publishTtlTable(connection, keyPrefix, TABLE);
  const revisions: (number | undefined)[] = [];
  const follower = followTtlTable(connection, keyPrefix, {
    onChange: (table) => revisions.push(table?.revision),
  });
  t.after(() => follower.close());
  await follower.firstRead;
  assert.equal(follower.current()?.revision, 1);
  await publishTtlTable(connection, keyPrefix, { ...TABLE, revision: 2 });
  await until(() => follower.current()?.revision === 2);
  await retireTtlTable(connection, keyPrefix, TABLE);
  await until(() => follower.current() === null);
  await until(() => revisions.length === 3);
  assert.deepEqual(revisions, [1, 2, undefined]);
});

test('a follower that cannot read for five seconds has no table, and has it again afterwards', async (t) => {
  const { connection, keyPrefix, uri } = await cacheWorld(t);
  await publishTtlTable(connection, keyPrefix, TABLE);
  const proxy = await faultProxy(t, uri);
  const cutOff = connectRedis({ uri: proxy.through(uri) }, PATIENT);
  const follower = followTtlTable(cutOff, keyPrefix);
  t.after(() => {
    follower.close();
    cutOff.close();
  });
  await follower.firstRead;
  assert.ok(follower.current());
  await proxy.cut();
  await sleep(1000);
  assert.ok(follower.current(), 'a short break is no reason to stop');
  await until(() => follower.current() === null, 4500);
  await proxy.pass();
  await until(() => follower.current() !== null, 30_000);
});

async function until(condition: () => boolean, milliseconds = 5000): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `not within ${milliseconds} ms`);
    await sleep(20);
  }
}

test('all records and placeholders of a prefix are deleted, and nothing else', async (t) => {
  const { connection, keyPrefix, redis, cache } = await cacheWorld(t);
  const fill = redis.pipeline();
  for (let i = 0; i < 2500; i += 1) fill.hset(`${keyPrefix}O${i}`, 'status', 'NEW');
  await fill.exec();
  await cache.lease('leased', 60_000);
  await redis.set(`${keyPrefix}counter`, '1');
  await publishTtlTable(connection, keyPrefix, TABLE);
  const none = await deleteRecords(connection, keyPrefix, { deadlineMs: 0 });
  assert.deepEqual(none, { kind: 'DeadlineExceeded', count: 0 });
  const all = await deleteRecords(connection, keyPrefix, { deadlineMs: 30_000 });
  assert.deepEqual(all, { kind: 'Deleted', count: 2501 });
  assert.deepEqual(await redis.keys(`${keyPrefix}*`), [`${keyPrefix}counter`]);
  assert.ok(await readTtlTable(connection, keyPrefix));
});

test('records among very many keys of others are deleted in portions, each going on where the last one ended', async (t) => {
  const { uri } = await ownRedis(t);
  const redis = new Redis(uri);
  t.after(() => redis.disconnect());
  const connection = connectRedis({ uri }, PATIENT);
  t.after(() => connection.close());
  await connection.ready();
  for (let n = 0; n < 60; n += 1) {
    const fill = redis.pipeline();
    for (let i = 0; i < 1000; i += 1) fill.hset(`other:${n}:${i}`, 'a', 'b');
    fill.hset(`order:${n}`, 'status', 'NEW');
    await fill.exec();
  }
  const progress: EraseProgress = new Map();
  let count = 0;
  let portions = 0;
  for (let ended = false; !ended && portions < 1000; portions += 1) {
    const portion = await deleteRecords(connection, 'order:', { deadlineMs: 10, progress });
    count += portion.count;
    ended = portion.kind === 'Deleted';
  }
  assert.equal(count, 60);
  assert.ok(portions > 1 && portions < 1000, `${portions} portions`);
});
