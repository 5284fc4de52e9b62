import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { APPLY } from '../../cache/scripts/apply.ts';
import { FILL } from '../../cache/scripts/fill.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { activeWorld, listening, reading, shipped } from './cache-reader-world.ts';
import { type CacheWorld, openCache, SOURCE, TABLE, without } from './cache-world.ts';

const created = [{ orderId: 'A', expected: null }];

test('an order that the database does not have is remembered as absent, for the time that the policy gives', async (t) => {
  const world = await activeWorld(t);
  const { heard, hooks } = listening();
  const { reader, database } = await reading(t, world, { hooks });
  for (let i = 0; i < 3; i += 1) assert.equal(await reader.get('A'), null);
  assert.equal(database.reads, 1);
  assert.deepEqual(heard, [
    'miss A',
    'load A none',
    'fill A filledAbsent',
    'negative hit A',
    'negative hit A',
  ]);
  const ttl = await world.redis.pttl(world.key('A'));
  assert.ok(ttl > 15_000 && ttl <= 20_000, `it lives for ${ttl} ms`);
  assert.equal(await world.redis.hget(world.key('A'), 'status'), null, 'a miss for any client');
});

test('what one process knows to be absent the next does not ask the database for', async (t) => {
  const world = await activeWorld(t);
  const first = await reading(t, world);
  const second = await reading(t, world);
  await first.reader.get('A');
  assert.equal(await second.reader.get('A'), null);
  assert.equal(second.database.reads, 0);
});

test('a thousand callers miss an order that does not exist: the database is read once', async (t) => {
  const { reader, database } = await reading(t, await activeWorld(t));
  database.delayMs = 100;
  const orders = await Promise.all(Array.from({ length: 1000 }, () => reader.get('A')));
  assert.ok(orders.every((order) => order === null));
  assert.equal(database.reads, 1);
});

test('the time is over: the database is asked again', async (t) => {
  const { reader, database } = await reading(t, await activeWorld(t, { absentSeconds: 1 }));
  assert.equal(await reader.get('A'), null);
  database.rows.set('A', shipped);
  await sleep(1100);
  assert.deepEqual(await reader.get('A'), { ...shipped, from: 'database' });
});

test('the policy turns it off: what is there is not trusted any more', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world);
  assert.equal(await reader.get('A'), null);
  database.rows.set('A', shipped);
  await publishTtlTable(world.connection, world.keyPrefix, { ...TABLE, revision: 2, absentSeconds: 0 });
  const deadline = performance.now() + 5000;
  while ((await reader.get('A')) === null) {
    assert.ok(performance.now() < deadline, 'still trusted after 5 s');
    await sleep(50);
  }
});

test('the database fails: nothing is remembered, and the lease is given back', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world);
  database.failure = new Error('the connection was closed');
  await assert.rejects(reader.get('A'));
  assert.deepEqual(await world.hash('A'), {});
});

for (const mode of ['mark', 'drop'] as const) {
  test(`the event of its creation is applied (${mode}): the order is seen at once`, async (t) => {
    const world = await activeWorld(t);
    assert.deepEqual(await seenAfterCreation(t, world, mode), shipped);
  });

  test(`the same with an apply that leaves negative entries alone (${mode}): the order is not seen`, async (t) => {
    const world = await activeWorld(t);
    const ignoring = without('apply', APPLY, 'if found[2] then', "if found[2] and found[2] ~= 'absent' then");
    const variant = await openCache(t, world.uri, world.keyPrefix, ignoring);
    assert.equal(await seenAfterCreation(t, variant, mode), null);
  });
}

/** What a reader sees of an order that was asked for before it was created, after its event. */
async function seenAfterCreation(
  scope: Parameters<typeof reading>[0],
  world: CacheWorld,
  mode: 'mark' | 'drop',
) {
  const { reader, database } = await reading(scope, world);
  assert.equal(await reader.get('A'), null);
  database.rows.set('A', shipped);
  const { ticket } = await world.cache.apply(mode, created);
  if (mode === 'mark') await world.cache.settle(ticket, TABLE, []);
  const seen = await reader.get('A');
  return seen === null ? null : { status: seen.status, version: seen.version };
}

test('the event is applied while a reader finds nothing: its absence does not get into the cache', async (t) => {
  const world = await activeWorld(t);
  assert.deepEqual(await afterLateAbsence(world), {});
});

test('the same with a fill that does not check its lease: the absence is in the cache', async (t) => {
  const { uri, keyPrefix } = await activeWorld(t);
  const unchecked = without('fill', FILL, 'if lease ~= ARGV[1] then return 0 end');
  assert.deepEqual(await afterLateAbsence(await openCache(t, uri, keyPrefix, unchecked)), {
    lease: 'absent',
  });
});

async function afterLateAbsence(world: CacheWorld): Promise<Record<string, string>> {
  const lease = await world.cache.lease('A', 10_000);
  assert.equal(lease.kind, 'granted');
  await world.cache.apply('drop', created);
  await world.cache.fillAbsent('A', lease.kind === 'granted' ? lease.token : '', 60);
  return world.hash('A');
}

test('an event comes before its row is visible: when it is settled, an absence that was found meanwhile is gone', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world);
  const { ticket } = await world.cache.apply('mark', created);
  assert.equal(await reader.get('A'), null);
  database.rows.set('A', shipped);
  assert.deepEqual(await world.cache.settle(ticket, TABLE, [{ orderId: 'A', row: shipped }]), [
    { kind: 'dropped', because: 'Fenced' },
  ]);
  assert.equal((await reader.get('A'))?.status, 'SHIPPED');
});

test('an order is deleted, asked for, and created again: never the dead order’s status', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world);
  const event = async () => {
    const { ticket } = await world.cache.apply('mark', created);
    await world.cache.settle(ticket, TABLE, [{ orderId: 'A', row: database.rows.get('A') ?? null }]);
  };
  database.rows.set('A', shipped);
  const late = await world.cache.lease('A', 10_000);
  const token = late.kind === 'granted' ? late.token : '';
  database.rows.delete('A');
  await event();
  assert.equal(await reader.get('A'), null);
  assert.deepEqual(await world.cache.fill('A', token, shipped, TABLE), { kind: 'fenced' });
  assert.equal(await reader.get('A'), null);
  database.rows.set('A', { status: 'NEW', version: '1' });
  await event();
  assert.deepEqual(await reader.get('A'), { status: 'NEW', version: '1', from: 'database' });
  assert.equal((await world.hash('A')).source, SOURCE);
});
