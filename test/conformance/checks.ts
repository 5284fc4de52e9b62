import assert from 'node:assert/strict';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { type Stage, until } from './stage.ts';

/** What a reader must do and must not do: docs/protocol.md. `fills` checks are for readers that write. */
export interface Check {
  readonly name: string;
  readonly fills: boolean;
  /** The TTL table that the reader begins with, where it is another. */
  readonly table?: Partial<TtlTable>;
  readonly run: (stage: Stage) => Promise<void>;
}

const SHIPPED = { status: 'SHIPPED', version: '7' };

async function answers(stage: Stage, orderId: string, status: string | null, loads: number): Promise<void> {
  const before = stage.subject.loads.length;
  const row = await stage.subject.get(orderId);
  assert.equal(row?.status ?? null, status, `the answer for ${orderId}`);
  assert.equal(stage.subject.loads.length - before, loads, `reads of the database for ${orderId}`);
}

/** A record that says something else than the database: who trusts it shows it. */
async function record(stage: Stage, orderId: string): Promise<void> {
  stage.subject.rows.set(orderId, SHIPPED);
  const fields = { status: 'IN CACHE', version: '7', source: 'orders.version', updatedAt: '1795341600000' };
  await stage.redis.hset(stage.key(orderId), fields);
}

/** Starts a miss, acts while the database is being read, and lets it end. */
async function whileLoading(stage: Stage, orderId: string, act: () => Promise<unknown>): Promise<void> {
  stage.subject.rows.set(orderId, SHIPPED);
  const release = stage.subject.hold();
  const answer = stage.subject.get(orderId);
  answer.catch(() => {});
  try {
    await until('the database is read', () => stage.subject.loads.includes(orderId));
    await act();
  } finally {
    release();
  }
  assert.equal((await answer)?.status, 'SHIPPED');
}

async function untrusted(stage: Stage): Promise<void> {
  await until(
    'the record is not trusted any more',
    async () => (await stage.subject.get('A'))?.status === 'SHIPPED',
    6000,
  );
  for (const id of ['A', 'A']) await answers(stage, id, 'SHIPPED', 1);
  stage.subject.rows.set('B', SHIPPED);
  await answers(stage, 'B', 'SHIPPED', 1);
  assert.deepEqual(await stage.redis.exists(stage.key('B')), 0, 'nothing is written');
}

const reading = (name: string, run: Check['run']): Check => ({ name, fills: false, run });
const filling = (name: string, run: Check['run'], table: Partial<TtlTable> = {}): Check => ({
  name,
  fills: true,
  run,
  table,
});

export const CHECKS: readonly Check[] = [
  reading('a record is a hit, and the database is not read', async (stage) => {
    await record(stage, 'A');
    await answers(stage, 'A', 'IN CACHE', 0);
  }),
  reading('an order that is not in the cache is read from the database', async (stage) => {
    stage.subject.rows.set('A', SHIPPED);
    await answers(stage, 'A', 'SHIPPED', 1);
    await answers(stage, 'no-such-order', null, 1);
  }),
  reading('an id that no event can have never becomes a key', async (stage) => {
    for (const id of ['a b', 'a:b', '{a}', 'x'.repeat(129), '']) {
      await record(stage, id);
      await answers(stage, id, 'SHIPPED', 1);
    }
  }),
  reading('a key that is no hash is a miss', async (stage) => {
    await stage.redis.set(stage.key('A'), 'text');
    stage.subject.rows.set('A', SHIPPED);
    await answers(stage, 'A', 'SHIPPED', 1);
  }),
  ...(['Retired', 'deleted', 'broken'] as const).map((what) =>
    reading(`a table that is ${what}: within 5 s the database alone is read`, async (stage) => {
      await record(stage, 'A');
      await answers(stage, 'A', 'IN CACHE', 0);
      if (what === 'broken') await stage.redis.set(`ordercache:ttl:${stage.keyPrefix}`, '{"state":');
      else await stage.table(what === 'Retired' ? { state: 'Retired' } : null);
      await untrusted(stage);
    }),
  ),
  reading('Redis away: the database answers, and Redis is used again when it is back', async (stage) => {
    await record(stage, 'A');
    await answers(stage, 'A', 'IN CACHE', 0);
    await stage.proxy.cut();
    for (const id of ['A', 'A', 'A', 'A']) assert.equal((await stage.subject.get(id))?.status, 'SHIPPED');
    await stage.proxy.pass();
    await until('a hit', async () => (await stage.subject.get('A'))?.status === 'IN CACHE');
  }),
  filling('a miss fills the cache: fields, version and time to live', async (stage) => {
    stage.subject.rows.set('A', SHIPPED).set('B', { status: 'DELIVERED', version: null });
    await answers(stage, 'A', 'SHIPPED', 1);
    await answers(stage, 'B', 'DELIVERED', 1);
    const { updatedAt, ...fields } = await stage.redis.hgetall(stage.key('A'));
    assert.ok(Number(updatedAt) > 0);
    assert.equal(fields.status, 'SHIPPED');
    if (fields.version !== undefined) assert.deepEqual(fields, { ...SHIPPED, source: 'orders.version' });
    assert.deepEqual(Object.keys(await stage.redis.hgetall(stage.key('B'))).sort(), ['status', 'updatedAt']);
    await answers(stage, 'A', 'SHIPPED', 0);
    const [a, b] = [await stage.redis.pttl(stage.key('A')), await stage.redis.pttl(stage.key('B'))];
    assert.ok(a > 3_200_000 && a <= 3_600_000, `the default of 3600 s less 10 %: ${a} ms`);
    assert.ok(b > 510_000 && b <= 600_000, `600 s for DELIVERED less 10 %: ${b} ms`);
  }),
  filling(
    'times to live differ by the jitter',
    async (stage) => {
      const ids = Array.from({ length: 12 }, (_, index) => `A${index}`);
      for (const id of ids) {
        stage.subject.rows.set(id, SHIPPED);
        await stage.subject.get(id);
      }
      const seconds = await Promise.all(
        ids.map(async (id) => Math.round((await stage.redis.pttl(stage.key(id))) / 1000)),
      );
      assert.ok(
        seconds.every((ttl) => ttl >= 1700 && ttl <= 3600),
        `50 to 100 % of 3600 s: ${seconds}`,
      );
      assert.ok(new Set(seconds).size > 3, `they differ: ${seconds}`);
    },
    { jitterPercent: 50 },
  ),
  filling('the lease comes before the read of the database, and is another each time', async (stage) => {
    const tokens: string[] = [];
    for (const id of ['A', 'B'])
      await whileLoading(stage, id, async () => {
        const { lease = '', ...others } = await stage.redis.hgetall(stage.key(id));
        assert.deepEqual(others, {}, 'a placeholder has no other field');
        const life = await stage.redis.pttl(stage.key(id));
        assert.ok(life > 0 && life <= 120_000, `the lease runs out: ${life} ms`);
        tokens.push(lease);
      });
    assert.ok(
      tokens.every((token) => token.length >= 12),
      `tokens of 96 bits: ${tokens}`,
    );
    assert.equal(new Set(tokens).size, 2);
  }),
  filling('a fill after an event is refused', async (stage) => {
    await whileLoading(stage, 'A', () => stage.redis.del(stage.key('A')));
    assert.deepEqual(await stage.redis.hgetall(stage.key('A')), {});
  }),
  filling('a fill after the lease ran out and went to another is refused', async (stage) => {
    const other = { lease: 'token-of-another-reader' };
    await whileLoading(stage, 'A', async () => {
      await stage.redis.del(stage.key('A'));
      await stage.redis.hset(stage.key('A'), other);
    });
    assert.deepEqual(await stage.redis.hgetall(stage.key('A')), other);
  }),
  filling('while another holds the lease, the database answers and nothing is written', async (stage) => {
    const other = { lease: 'token-of-another-reader' };
    await stage.redis.hset(stage.key('A'), other);
    stage.subject.rows.set('A', SHIPPED);
    await answers(stage, 'A', 'SHIPPED', 1);
    assert.deepEqual(await stage.redis.hgetall(stage.key('A')), other);
  }),
  filling('a negative entry is written with its time to live, and ends with the setting', async (stage) => {
    await answers(stage, 'A', null, 1);
    if ((await stage.redis.hget(stage.key('A'), 'lease')) === null) return;
    assert.deepEqual(await stage.redis.hgetall(stage.key('A')), { lease: 'absent' });
    assert.ok((await stage.redis.pttl(stage.key('A'))) <= 20_000);
    await answers(stage, 'A', null, 0);
    stage.subject.rows.set('A', SHIPPED);
    await stage.redis.persist(stage.key('A'));
    await stage.table({ absentSeconds: 0 });
    await until('it is not trusted', async () => (await stage.subject.get('A'))?.status === 'SHIPPED', 6000);
  }),
  filling('after SCRIPT FLUSH the cache is filled as before', async (stage) => {
    for (const id of ['A', 'B']) {
      stage.subject.rows.set(id, SHIPPED);
      await answers(stage, id, 'SHIPPED', 1);
      assert.equal(await stage.redis.hget(stage.key(id), 'status'), 'SHIPPED');
      await stage.redis.script('FLUSH');
    }
  }),
  filling('keys are the prefix and the id, without a hash tag', async (stage) => {
    stage.subject.rows.set('A', SHIPPED);
    await answers(stage, 'A', 'SHIPPED', 1);
    const keys = await stage.redis.keys(`*${stage.keyPrefix}*`);
    assert.deepEqual(keys.sort(), [stage.key('A'), `ordercache:ttl:${stage.keyPrefix}`].sort());
  }),
];
