import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { catchUpKey } from '../../api/names.ts';
import { faultProxy, ownRedis } from '../servers/index.ts';
import { catchUpStage, ids, KEY_PREFIX } from './catch-up-stage.ts';
import { until } from './worker-process.ts';

/** Real Redis and PostgreSQL, and the maintenance pod as a process. Whatever happens, no worker is there to help. */

const ORDERS = ids(1_200);

describe('a Redis that is killed and comes back from an old snapshot', () => {
  async function restored(t: Parameters<typeof ownRedis>[0], withCatchUp: boolean) {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    await stage.rows(ORDERS, 'NEW', 1);
    await stage.records(ORDERS, 'NEW', 1);
    const pod = withCatchUp ? await stage.maintenance() : undefined;
    const first = await pod?.completed();
    await stage.redis.save();
    await stage.rows(ORDERS, 'SENT', 2);
    await stage.records(ORDERS, 'SENT', 2);
    await own.kill();
    await own.start();
    await until('Redis is back', () => stage.redis.ping().then(Boolean, () => false));
    return { stage, pod, first };
  }

  it('is put right by a catch-up that starts by itself', async (t) => {
    const { stage, pod, first } = await restored(t, true);
    assert.equal(first?.trigger, 'FirstStart');
    const report = await pod?.completed(first);
    assert.equal(report?.trigger, 'RedisChanged');
    assert.equal(report?.orders, ORDERS.length);
    assert.equal((report?.updated ?? 0) + (report?.dropped ?? 0), ORDERS.length);
    assert.equal(await stage.stale(ORDERS, 'SENT'), 0);
  });

  it('stays stale without it', async (t) => {
    const { stage } = await restored(t, false);
    await sleep(4_000);
    assert.equal(await stage.stale(ORDERS, 'SENT'), ORDERS.length);
  });
});

describe('a Redis that is killed and comes back empty', () => {
  it('is caught up with, so that what was filled before nobody looked is right', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    const pod = await stage.maintenance();
    const first = await pod.completed();
    await own.kill();
    await own.start();
    await until('Redis is back', () => stage.redis.ping().then(Boolean, () => false));
    await stage.rows(['A', 'B'], 'SENT', 2);
    await stage.records(['A', 'B'], 'NEW', 1);
    const report = await pod.completed(first);
    assert.equal(report.trigger, 'RedisChanged');
    assert.equal(await stage.stale(['A', 'B'], 'SENT'), 0);
  });
});

describe('a catch-up', () => {
  it('keeps what is right with its TTL, writes what is not, drops what has no row, and touches nothing else', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri, { keyPrefix: 'o[rd]*:' });
    const { redis } = stage;
    const key = (id: string) => `o[rd]*:${id}`;
    await stage.rows(['right', 'wrong'], 'SENT', 2);
    await stage.records(['right'], 'SENT', 2);
    await stage.records(['wrong', 'gone'], 'NEW', 1);
    await redis.pexpire(key('right'), 50_000);
    await redis.hset(key('leased'), 'lease', 'token');
    await redis.hset('ord:other', { status: 'NEW', version: 1 });
    await redis.hset(key('foreign'), 'field', 'value');
    await redis.set(key('text'), 'value');
    const pod = await stage.maintenance();
    const report = await pod.completed();
    const { orders, updated, dropped } = report;
    assert.deepEqual({ orders, updated, dropped }, { orders: 5, updated: 1, dropped: 2 });
    assert.equal(await redis.hget(key('wrong'), 'status'), 'SENT');
    assert.equal(await redis.hget(key('right'), 'status'), 'SENT');
    assert.ok((await redis.pttl(key('right'))) <= 50_000);
    assert.equal(await redis.hexists(key('right'), 'ticket'), 0);
    assert.deepEqual(await redis.exists(key('gone'), key('leased')), 0);
    assert.equal(await redis.hget('ord:other', 'status'), 'NEW');
    assert.deepEqual(await redis.hgetall(key('foreign')), { field: 'value' });
    assert.equal(await redis.get(key('text')), 'value');
  });

  it('drops what differs for ReadThrough, and everything where there is no database to ask', async (t) => {
    const own = await ownRedis(t);
    for (const withDatabase of [true, false]) {
      const stage = await catchUpStage(t, own.uri, {
        strategy: 'ReadThrough',
        keyPrefix: `read-${withDatabase}:`,
        withDatabase,
      });
      await stage.rows(['right', 'wrong'], 'SENT', 2);
      await stage.records(['right'], 'SENT', 2);
      await stage.records(['wrong'], 'NEW', 1);
      await (await stage.maintenance()).completed();
      const prefix = `read-${withDatabase}:`;
      assert.equal(await stage.redis.exists(`${prefix}wrong`), 0);
      assert.equal(await stage.redis.exists(`${prefix}right`), withDatabase ? 1 : 0);
    }
  });

  it('is asked for by a new token, once', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    await stage.rows(ORDERS, 'SENT', 2);
    const first = await stage.maintenance();
    const before = await first.completed();
    first.kill('SIGTERM');
    assert.equal(await first.exitCode, 0);
    await stage.records(ORDERS, 'NEW', 1);

    const unasked = await stage.maintenance();
    await until('it has looked', async () => (await unasked.get('/readyz')).status === 200);
    assert.deepEqual((await unasked.report()).catchUp, before);
    unasked.kill('SIGTERM');
    await unasked.exitCode;
    assert.equal(await stage.stale(ORDERS, 'SENT'), ORDERS.length);

    const asked = await stage.maintenance({ requested: 'please' });
    const report = await asked.completed(before);
    assert.equal(report.trigger, 'Requested');
    assert.equal(report.updated, ORDERS.length);
    assert.equal(await stage.stale(ORDERS, 'SENT'), 0);
    asked.kill('SIGTERM');
    await asked.exitCode;

    const again = await stage.maintenance({ requested: 'please', queueLost: '2026-11-22T00:00:00Z' });
    assert.equal((await again.completed(report)).trigger, 'QueueLost');
  });

  it('keeps to its rate', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    await stage.rows(ORDERS, 'SENT', 2);
    await stage.records(ORDERS, 'NEW', 1);
    const pod = await stage.maintenance({ maxOrdersPerSecond: 400 });
    const { startedAt, completedAt } = await pod.completed();
    const seconds = (Date.parse(completedAt ?? '') - Date.parse(startedAt ?? '')) / 1_000;
    // The first chunk of a quarter of a second is free.
    assert.ok(seconds >= ORDERS.length / 400 - 0.3, `${ORDERS.length} orders in ${seconds} s`);
    assert.ok(seconds < 30, `${ORDERS.length} orders in ${seconds} s`);
  });

  it('goes on where it was after a kill', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    await stage.rows(ORDERS, 'SENT', 2);
    await stage.records(ORDERS, 'NEW', 1);
    const killed = await stage.maintenance({ maxOrdersPerSecond: 200 });
    const half = await until('a half is done', async () => {
      const { catchUp } = await killed.report();
      return catchUp.orders >= ORDERS.length / 2 && catchUp;
    });
    killed.kill('SIGKILL');
    await killed.exitCode;
    assert.ok(half.orders < ORDERS.length);
    assert.ok((await stage.stale(ORDERS, 'SENT')) > 0);

    const next = await stage.maintenance();
    const report = await next.completed();
    assert.equal(report.startedAt, half.startedAt);
    assert.ok(next.log.some(({ msg }) => msg === 'catch-up resumed'));
    assert.equal(await stage.stale(ORDERS, 'SENT'), 0);
    const counted = next.log.filter(({ msg }) => msg === 'catch-up started');
    assert.deepEqual(counted, []);
    // What the killed one had compared and not yet kept is compared twice: one page.
    assert.ok(report.updated <= ORDERS.length && report.updated >= ORDERS.length - 200, `${report.updated}`);
  });

  it('waits while the database or Redis is away, and goes on', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    const proxy = await faultProxy(t, stage.database.uri);
    await stage.rows(ORDERS, 'SENT', 2);
    await stage.records(ORDERS, 'NEW', 1);
    const credentials = { redis: { uri: own.uri }, database: { uri: proxy.through(stage.database.uri) } };
    const pod = await stage.maintenance({ maxOrdersPerSecond: 200, credentials });
    await until('it has begun', async () => (await pod.report()).catchUp.orders > 0);
    await proxy.cut();
    const paused = await until('it waits', async () => {
      const report = await pod.report();
      return report.state === 'Paused' && report;
    });
    assert.deepEqual(paused.pausedBecause, ['DatabaseUnavailable']);
    assert.equal(paused.catchUp.state, 'Running');
    assert.equal((await pod.get('/healthz')).status, 200);
    await proxy.pass();
    await until('it goes on', async () => (await pod.report()).state === 'Running');
    own.freeze();
    await until('it waits for Redis', async () => {
      return (await pod.report()).pausedBecause.includes('RedisUnavailable');
    });
    own.thaw();
    await pod.completed();
    assert.equal(await stage.stale(ORDERS, 'SENT'), 0);
  });

  it('is walked anew when what Redis keeps of it is lost or cannot be read', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    const pod = await stage.maintenance();
    const first = await pod.completed();
    await stage.redis.set(catchUpKey(KEY_PREFIX), '{"walks":1}');
    assert.equal((await pod.completed(first)).trigger, 'RedisChanged');
  });
});

describe('the maintenance pod', () => {
  it('says so in one line, and ends, when its settings are wrong', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    await assert.rejects(
      stage.maintenance({ maxOrdersPerSecond: 0 }),
      /ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND: expected a whole number from 1 to 999999/,
    );
  });

  it('answers for itself, and shows its metrics', async (t) => {
    const own = await ownRedis(t);
    const stage = await catchUpStage(t, own.uri);
    await stage.records(['gone'], 'NEW', 1);
    const pod = await stage.maintenance();
    await pod.completed();
    const { body } = await pod.get('/metrics');
    assert.match(body, /ordercache_maintenance_catch_up_orders_total\{outcome="dropped"\} 1/);
    assert.match(body, /ordercache_maintenance_catch_up_state\{state="Completed"\} 1/);
    assert.equal((await pod.get('/healthz')).status, 200);
    pod.kill('SIGTERM');
    assert.equal(await pod.exitCode, 0);
  });
});
