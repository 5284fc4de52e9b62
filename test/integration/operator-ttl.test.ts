import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { catchUpKey, ttlTableKey } from '../../api/names.ts';
import { decodeTtlTable } from '../../cache/ttl-table.ts';
import type { RedisCredentials } from '../../cache/ttl-table-redis.ts';
import type { TtlPublisher } from '../../operator/ports.ts';
import { createTtlPublisher } from '../../operator/ttl-publisher.ts';
import { faultProxy, ownRedis, type Scope, testRedis } from '../servers/index.ts';
import { policyWith } from './operator-policy.ts';

interface Scene {
  readonly ttl: TtlPublisher;
  readonly drifted: string[];
  readonly credentials: RedisCredentials;
  readonly keyPrefix: string;
  readonly redis: Redis;
  table(): Promise<ReturnType<typeof decodeTtlTable>>;
}

function publisher(t: Scope, installation = 'test') {
  const drifted: string[] = [];
  const ttl = createTtlPublisher({ installation, mayWrite: () => {}, onDrift: (uid) => drifted.push(uid) });
  t.after(() => ttl.close());
  return { ttl, drifted };
}

function client(t: Scope, uri: string): Redis {
  const redis = new Redis(uri, { commandTimeout: 5_000 });
  redis.on('error', () => {});
  t.after(async () => redis.disconnect());
  return redis;
}

async function scene(t: Scope): Promise<Scene> {
  const { ttl, drifted } = publisher(t);
  const { uri, keyPrefix } = await testRedis(t);
  const redis = client(t, uri);
  const table = async () => decodeTtlTable((await redis.get(ttlTableKey(keyPrefix))) ?? '');
  return { ttl, drifted, credentials: { uri }, keyPrefix, redis, table };
}

async function until(what: string, isSo: () => boolean | Promise<boolean>, seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`expected within ${seconds} s: ${what}`);
    await sleep(100);
  }
}

describe('The TTL table', () => {
  it('says what the policy declares', async (t) => {
    const s = await scene(t);
    const ttl = { statuses: [{ status: 'DELIVERED', seconds: 600 }] };
    const policy = policyWith({ keyPrefix: s.keyPrefix, generation: 4, ttl });
    assert.deepEqual(await s.ttl.publish(policy, s.credentials), { kind: 'Published', changed: true });
    const table = await s.table();
    assert.deepEqual(
      { ...table, statuses: { ...table?.statuses } },
      {
        state: 'Active',
        owner: 'test/shop/orders',
        uid: 'uid-orders',
        revision: 4,
        defaultSeconds: 3600,
        jitterPercent: 10,
        absentSeconds: 0,
        statuses: { DELIVERED: 600 },
        versionSource: 'orders.version',
      },
    );
    assert.deepEqual(await s.ttl.publish(policy, s.credentials), { kind: 'Published', changed: false });
  });

  it('follows an edit', async (t) => {
    const s = await scene(t);
    const { keyPrefix } = s;
    await s.ttl.publish(policyWith({ keyPrefix }), s.credentials);
    await s.ttl.publish(policyWith({ keyPrefix, generation: 2, ttl: { defaultSeconds: 60 } }), s.credentials);
    assert.deepEqual([(await s.table())?.defaultSeconds, (await s.table())?.revision], [60, 2]);
  });

  it('of another owner stays, and the message names the owner', async (t) => {
    const s = await scene(t);
    const { keyPrefix } = s;
    await publisher(t, 'other').ttl.publish(policyWith({ keyPrefix, uid: 'uid-other' }), s.credentials);
    const result = await s.ttl.publish(policyWith({ keyPrefix }), s.credentials);
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable], [
      'KeyPrefixConflict',
      false,
    ]);
    assert.match(result.kind === 'Problem' ? result.message : '', /belongs to other\/shop\/orders/);
    await s.ttl.retire(policyWith({ keyPrefix }), s.credentials);
    await s.ttl.erase(policyWith({ keyPrefix }), s.credentials);
    assert.deepEqual([(await s.table())?.owner, (await s.table())?.state], ['other/shop/orders', 'Active']);
    await sleep(2_500);
    assert.deepEqual(s.drifted, [], 'a conflict is no drift');
  });

  it('that is deleted or edited by hand is noticed within seconds, once', async (t) => {
    const s = await scene(t);
    const policy = policyWith({ keyPrefix: s.keyPrefix });
    await s.ttl.publish(policy, s.credentials);
    await s.redis.del(ttlTableKey(s.keyPrefix));
    await until('drift', () => s.drifted.length > 0, 10);
    await sleep(2_500);
    assert.deepEqual(s.drifted, ['uid-orders']);
    await s.ttl.publish(policy, s.credentials);
    await s.redis.set(ttlTableKey(s.keyPrefix), '{}');
    await until('drift again', () => s.drifted.length === 2, 10);
  });

  it('is not looked after any more once the policy is forgotten', async (t) => {
    const s = await scene(t);
    await s.ttl.publish(policyWith({ keyPrefix: s.keyPrefix }), s.credentials);
    s.ttl.forget('uid-orders');
    await s.redis.del(ttlTableKey(s.keyPrefix));
    await sleep(2_500);
    assert.deepEqual(s.drifted, []);
  });

  it('is noticed to be missing within seconds after Redis came back empty', async (t) => {
    const { ttl, drifted } = publisher(t);
    const redis = await ownRedis(t);
    await ttl.publish(policyWith(), { uri: redis.uri });
    await redis.kill();
    await redis.start();
    await until('drift', () => drifted.length > 0, 15);
    assert.deepEqual(await ttl.publish(policyWith(), { uri: redis.uri }), {
      kind: 'Published',
      changed: true,
    });
  });

  it('that could not be written is asked for again when Redis is back', async (t) => {
    const { ttl, drifted } = publisher(t);
    const redis = await ownRedis(t);
    await redis.kill();
    const result = await ttl.publish(policyWith(), { uri: redis.uri });
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable], [
      'RedisUnavailable',
      true,
    ]);
    await redis.start();
    await until('asked for', () => drifted.length > 0, 15);
  });

  it('cannot be written with a wrong password, and the message does not hold it', async (t) => {
    const { ttl } = publisher(t);
    const redis = await ownRedis(t, ['--requirepass', 'right-secret']);
    const credentials = { uri: redis.uri.replace(/\/\/[^@]*@/, '//'), password: 'wrong-secret' };
    const result = await ttl.publish(policyWith(), credentials);
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable], [
      'RedisAccessRefused',
      false,
    ]);
    assert.doesNotMatch(result.kind === 'Problem' ? result.message : '', /secret/);
  });

  it('is given up within its deadline when Redis answers nothing', async (t) => {
    const { ttl } = publisher(t);
    const { uri } = await testRedis(t);
    const proxy = await faultProxy(t, uri);
    await proxy.blackHole();
    const began = Date.now();
    const result = await ttl.publish(policyWith(), { uri: proxy.through(uri) });
    assert.equal(result.kind === 'Problem' && result.reason, 'RedisUnavailable');
    assert.ok(Date.now() - began < 20_000, `took ${Date.now() - began} ms`);
  });

  it('is not written by an operator that lost its lease', async (t) => {
    const s = await scene(t);
    const fenced = createTtlPublisher({
      installation: 'test',
      onDrift: () => {},
      mayWrite: () => {
        throw new Error('lease lost');
      },
    });
    t.after(() => fenced.close());
    await assert.rejects(fenced.publish(policyWith({ keyPrefix: s.keyPrefix }), s.credentials), /lease lost/);
    assert.equal(await s.table(), null);
  });
});

describe('The end of a policy in Redis', () => {
  it('with Retain says retired, keeps the records, and the mark does not stay for ever', async (t) => {
    const s = await scene(t);
    const policy = policyWith({ keyPrefix: s.keyPrefix, ttl: { defaultSeconds: 100 } });
    await s.ttl.publish(policy, s.credentials);
    await s.redis.hset(`${s.keyPrefix}1`, 'status', 'NEW');
    assert.equal((await s.ttl.retire(policy, s.credentials)).kind, 'Retired');
    assert.equal((await s.table())?.state, 'Retired');
    assert.equal(await s.redis.exists(`${s.keyPrefix}1`), 1);
    const seconds = await s.redis.ttl(ttlTableKey(s.keyPrefix));
    assert.ok(seconds >= 100 && seconds <= 200, `expires in ${seconds} s`);
  });

  it('with Retain lets a policy of the same name take it up again', async (t) => {
    const s = await scene(t);
    const { keyPrefix } = s;
    await s.ttl.publish(policyWith({ keyPrefix, generation: 7 }), s.credentials);
    await s.ttl.retire(policyWith({ keyPrefix, generation: 7 }), s.credentials);
    await s.ttl.publish(policyWith({ keyPrefix, uid: 'uid-2' }), s.credentials);
    assert.deepEqual([(await s.table())?.state, (await s.table())?.revision], ['Active', 1]);
    assert.equal(await s.redis.ttl(ttlTableKey(keyPrefix)), -1);
  });

  it('with Delete retires first, waits until everybody has seen it, then deletes records and table', async (t) => {
    const s = await scene(t);
    const policy = policyWith({ keyPrefix: s.keyPrefix });
    await s.ttl.publish(policy, s.credentials);
    await s.redis.set(catchUpKey(s.keyPrefix), '{}');
    for (let n = 0; n < 2_500; n += 1) s.redis.hset(`${s.keyPrefix}${n}`, 'status', 'NEW');
    const first = await s.ttl.erase(policy, s.credentials);
    assert.equal(first.kind, 'Waiting');
    assert.equal((await s.table())?.state, 'Retired');
    assert.equal(await s.redis.exists(`${s.keyPrefix}1`), 1);
    await sleep(first.kind === 'Waiting' ? first.seconds * 1000 + 100 : 0);
    assert.deepEqual(await s.ttl.erase(policy, s.credentials), { kind: 'Erased', records: 2_500 });
    assert.deepEqual(await s.redis.keys(`*${s.keyPrefix}*`), []);
    const again = await s.ttl.erase(policy, s.credentials);
    assert.deepEqual(again, { kind: 'Erased', records: 0 }, 'gone is done');
  });

  it('with Delete is done where there is no table', async (t) => {
    const s = await scene(t);
    const result = await s.ttl.erase(policyWith({ keyPrefix: s.keyPrefix }), s.credentials);
    assert.deepEqual(result, { kind: 'Erased', records: 0 });
  });
});

describe('Connections', () => {
  it('are shared by policies on one Redis, and closed when nobody uses them', async (t) => {
    const { ttl } = publisher(t);
    const own = await ownRedis(t);
    const watcher = client(t, own.uri);
    const clients = async () => ((await watcher.client('LIST')) as string).trim().split('\n').length - 1;
    await ttl.publish(policyWith({ uid: 'a', name: 'a', keyPrefix: 'a:' }), { uri: own.uri });
    await ttl.publish(policyWith({ uid: 'b', name: 'b', keyPrefix: 'b:' }), { uri: own.uri });
    assert.equal(await clients(), 1);
    ttl.forget('a');
    ttl.forget('b');
    await until('closed', async () => (await clients()) === 0, 15);
  });
});
