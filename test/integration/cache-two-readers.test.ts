import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createReader, type LoadedRow, type Reader } from '../../cache/reader.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { openCache, TABLE } from './cache-world.ts';
import { type PythonReader, pythonReader } from './python-reader.ts';
import { until, type WorkerProcess } from './worker-process.ts';
import {
  publish,
  type Stage,
  setStage,
  startConsuming,
  untilAcknowledged,
  writeRow,
} from './worker-stage.ts';

/** The reader of this package and the one in Python, on the same keys; `ORDERCACHE_READERS_SEED` repeats a run. */
const SEED = Number(process.env.ORDERCACHE_READERS_SEED ?? Date.now() % 2 ** 31);

interface Readers {
  readonly stage: Stage;
  readonly typescript: Reader;
  readonly python: PythonReader;
  /** Reads of the database, by reader. */
  readonly loads: { typescript: number; python: number };
  /** What a read of the database waits for after its statement. */
  delay: () => Promise<unknown>;
}

async function bothReaders(t: TestContext, withoutLeaseCheck = false): Promise<Readers> {
  const stage = await setStage(t);
  const uri = stage.credentials.redis?.uri ?? '';
  const { keyPrefix } = stage;
  const world = await openCache(t, uri, keyPrefix);
  await publishTtlTable(world.connection, keyPrefix, { ...TABLE, owner: 'default/test/orders', revision: 9 });
  const loads = { typescript: 0, python: 0 };
  const readers = { delay: async (): Promise<unknown> => undefined };
  const load = async (who: keyof typeof loads, orderId: string): Promise<LoadedRow | null> => {
    loads[who] += 1;
    const query = 'SELECT status, version::text AS version FROM orders WHERE id = $1';
    const { rows } = await stage.database.pool.query(query, [orderId]);
    await readers.delay();
    return rows[0] ?? null;
  };
  const patient = { redisTimeoutMs: 10_000, waitForOthersMs: 20_000, loadTimeoutMs: 20_000 };
  const typescript = createReader({
    redis: { uri },
    keyPrefix,
    load: (id) => load('typescript', id),
    ...patient,
  });
  t.after(() => typescript.close());
  const python = await pythonReader(t, {
    uri,
    keyPrefix,
    load: (id) => load('python', id),
    withoutLeaseCheck,
  });
  return Object.assign(readers, { stage, typescript, python, loads });
}

test('a hit of one reader is a hit of the other, and their records have the same form', async (t) => {
  const { stage, typescript, python, loads } = await bothReaders(t);
  await writeRow(stage, 'A', 'SHIPPED', 7);
  await writeRow(stage, 'B', 'Versandbereit – 出荷準備 "\\\r\n✓', 8);
  const [a, b] = [await typescript.get('A'), await python.get('B')];
  assert.deepEqual(await python.get('A'), { ...a, from: 'cache' });
  assert.deepEqual(await typescript.get('B'), { ...b, from: 'cache' });
  assert.equal((await typescript.getMany(['A', 'B'])).orders.get('B')?.from, 'cache');
  const records = await Promise.all(['A', 'B'].map((id) => stage.redis.hgetall(stage.keyPrefix + id)));
  const form = (record: Record<string, string>) => [Object.keys(record).sort(), record.source];
  assert.deepEqual(form(records[0] ?? {}), form(records[1] ?? {}));
  for (const id of ['A', 'B']) {
    const ttl = await stage.redis.pttl(stage.keyPrefix + id);
    assert.ok(ttl > 3_200_000 && ttl <= 3_600_000, `${id} lives for ${ttl} ms`);
  }
  assert.deepEqual(loads, { typescript: 1, python: 1 });
});

test('what one reader knows to be absent the other does not ask for', async (t) => {
  const { typescript, python, loads } = await bothReaders(t);
  assert.deepEqual([await typescript.get('A'), await python.get('A')], [null, null]);
  assert.deepEqual([await python.get('B'), await typescript.get('B')], [null, null]);
  assert.deepEqual(loads, { typescript: 1, python: 1 });
});

test('both miss one order at the same time: the database is read once', async (t) => {
  const readers = await bothReaders(t);
  const { stage, typescript, python, loads } = readers;
  await Promise.all([typescript.get('x'), python.get('x')]);
  await writeRow(stage, 'A', 'SHIPPED', 7);
  const before = loads.typescript + loads.python;
  readers.delay = () => sleep(60);
  const callers = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? typescript : python).get('A'));
  const orders = await Promise.all(callers);
  assert.ok(orders.every((order) => order?.status === 'SHIPPED'));
  assert.equal(loads.typescript + loads.python - before, 1);
});

test('an id that no event can have is never a key, and without a TTL table nothing is', async (t) => {
  const { stage, typescript, python } = await bothReaders(t);
  for (const id of ['a b', '', 'a:b', 'x'.repeat(200)]) {
    await writeRow(stage, id, 'SHIPPED', 1);
    for (const reader of [typescript, python]) assert.equal((await reader.get(id))?.from, 'database');
  }
  await writeRow(stage, 'A', 'SHIPPED', 1);
  await python.get('A');
  await stage.redis.del(`ordercache:ttl:${stage.keyPrefix}`);
  for (const reader of [typescript, python]) {
    await until('it trusts no record', async () => (await reader.get('A'))?.from === 'database', 5500);
  }
  await stage.redis.del(`${stage.keyPrefix}A`);
  await python.get('A');
  assert.deepEqual(await stage.redis.keys(`${stage.keyPrefix}*`), []);
});

const ORDERS = Array.from({ length: 40 }, (_, i) => `O${i}`);
const ROUNDS = 4;
/** When it is enough, whatever has been seen, in milliseconds. */
const LONGEST = 60_000;

/** Whether some fills of the reader in Python stood and some were fenced. */
const sawBoth = (outcomes: Readonly<Record<string, number>>) =>
  (outcomes['0'] ?? 0) > 0 && (outcomes['1'] ?? 0) > 0;

/**
 * Rounds of a mixed load: orders are created, changed, deleted and expire while both readers read them and a worker
 * applies the events. After each round, when all is quiet, the keys that are wrong. It goes on until fills have stood
 * and have been fenced.
 */
async function mixedLoad(readers: Readers, worker: WorkerProcess, random: () => number): Promise<string[]> {
  const { stage, typescript, python } = readers;
  let version = 0;
  let published = 0;
  const change = async (id: string) => {
    version += 1;
    if (random() < 0.15) await stage.database.pool.query('DELETE FROM orders WHERE id = $1', [id]);
    else await writeRow(stage, id, `S${version}`, version);
    await publish(stage, [{ orderId: id }]);
    published += 1;
  };
  const pause = () => sleep(random() * 120);
  const reads = async (id: string, reader: { get(id: string): Promise<unknown> }) => {
    await pause();
    await reader.get(id);
  };
  readers.delay = () => sleep(random() * 150);
  const wrong: string[] = [];
  const until = performance.now() + LONGEST;
  const enough = async () => sawBoth(await python.outcomes()) || performance.now() > until;
  for (let round = 0; round < ROUNDS || !(await enough()); round += 1) {
    await Promise.all(
      ORDERS.map(async (id) => {
        await stage.redis.del(stage.keyPrefix + id);
        const acts = [reads(id, python), reads(id, typescript), pause().then(() => change(id))];
        if (random() < 0.5) acts.push(pause().then(() => change(id)));
        if (random() < 0.3) acts.push(reads(id, python));
        await Promise.all(acts);
      }),
    );
    await untilAcknowledged(worker, published);
    wrong.push(...(await wrongKeys(stage, ORDERS)));
  }
  return wrong;
}

async function wrongKeys(stage: Stage, ids: readonly string[]): Promise<string[]> {
  const { rows } = await stage.database.pool.query('SELECT id, status, version::text AS version FROM orders');
  const truth = new Map(rows.map((row) => [row.id, row]));
  const looked = ids.map(async (id) => {
    const { status, version, lease } = await stage.redis.hgetall(stage.keyPrefix + id);
    const row = truth.get(id);
    const right =
      status === undefined
        ? lease !== 'absent' || row === undefined
        : status === row?.status && version === row?.version;
    return right ? [] : [`${id}: the cache says ${status ?? lease} ${version}, the row ${row?.status}`];
  });
  return (await Promise.all(looked)).flat();
}

test(`both readers, a worker and initiators at once: every record equals its row (seed ${SEED})`, async (t) => {
  const readers = await bothReaders(t);
  const worker = await startConsuming(t, readers.stage);
  const wrong = await mixedLoad(readers, worker, seededRandom(SEED));
  const outcomes = await readers.python.outcomes();
  t.diagnostic(`fills of the reader in Python: ${JSON.stringify(outcomes)}`);
  assert.deepEqual(wrong, []);
  assert.ok(sawBoth(outcomes), 'some fills stood and some were fenced');
});

/** The reader in Python has read the row when it changes, and fills after the worker has applied the event. */
async function lateFill(t: TestContext, withoutLeaseCheck: boolean): Promise<string[]> {
  const readers = await bothReaders(t, withoutLeaseCheck);
  const { stage, python, loads } = readers;
  const worker = await startConsuming(t, stage);
  await writeRow(stage, 'A', 'NEW', 1);
  let [hasRead, release] = [false, () => {}];
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  readers.delay = () => {
    hasRead = true;
    return held;
  };
  const reading = python.get('A');
  await until('it has read the row', () => hasRead);
  await writeRow(stage, 'A', 'SENT', 2);
  await publish(stage, [{ orderId: 'A' }]);
  await untilAcknowledged(worker, 1);
  release();
  assert.equal((await reading)?.status, 'NEW');
  assert.equal(loads.python, 1);
  return wrongKeys(stage, ['A']);
}

test('a fill that comes after the event is fenced', async (t) => {
  assert.deepEqual(await lateFill(t, false), []);
});

test('by a reader that does not check its lease it is not: the dead row is found', async (t) => {
  assert.deepEqual(await lateFill(t, true), ['A: the cache says NEW 1, the row SENT']);
});
