import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { connectRedis } from '../../cache/connect.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { PATIENT, TABLE } from './cache-world.ts';
import { until } from './worker-process.ts';
import {
  publish,
  type Stage,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';
import { publishStamped, recordOf, rowOf } from './worker-writing.ts';

/** A stage whose initiators keep a timestamptz as the version, and tell it in their events. */
async function timestampStage(t: Parameters<typeof setStage>[0], maxAttempts = 3): Promise<Stage> {
  const stage = await setStage(t, { versioned: true, maxAttempts });
  await stage.database.pool.query(
    `ALTER TABLE orders ALTER version TYPE timestamptz USING 'epoch'::timestamptz`,
  );
  return {
    ...stage,
    config: { ...stage.config, event: { ...stage.config.event, versionFormat: 'Timestamp' } },
  };
}

const RFC3339 = `to_char(version AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const MICROS = '(extract(epoch FROM version) * 1000000)::bigint::text';

/** Begins a transaction, whose `now()` is fixed by that; the returned function changes the order in it. */
async function transaction(stage: Stage) {
  const client = await stage.database.pool.connect();
  await client.query('BEGIN; SELECT now()');
  return async (id: string, status: string) => {
    const update = `UPDATE orders SET status = $2, version = now() WHERE id = $1 RETURNING ${RFC3339} AS version`;
    const { rows } = await client.query<{ version: string }>(update, [id, status]);
    await client.query('COMMIT');
    client.release();
    return { orderId: id, status, version: rows[0]?.version ?? '' };
  };
}

async function microsOf(stage: Stage, id: string): Promise<string> {
  const { rows } = await stage.database.pool.query(`SELECT ${MICROS} AS micros FROM orders WHERE id = $1`, [
    id,
  ]);
  return String(rows[0]?.micros);
}

for (const [what, turn] of [
  ['in the order of their commits', 0],
  ['in the order of their versions', 1],
] as const) {
  test(`versions from now() that do not follow the commits: events come ${what}, the row wins, and the order goes on`, async (t) => {
    const stage = await timestampStage(t, 2);
    await stage.database.pool.query(`INSERT INTO orders VALUES ('a', 'NEW', 'epoch')`);
    await writeRecord(stage, 'a', 'NEW', 0);
    const [first, second] = [await transaction(stage), await transaction(stage)];
    const overtaking = await second('a', 'SENT');
    const last = await first('a', 'PAID');
    assert.ok(last.version < overtaking.version);
    const worker = await startConsuming(t, stage);

    for (const event of turn === 0 ? [overtaking, last] : [last, overtaking])
      await publishStamped(stage, [event]);
    // The overtaking one once more after its delay.
    const { outcomes } = await untilAcknowledged(worker, 3);

    assert.equal(outcomes.unseen, 1);
    assert.equal(await recordOf(stage, 'a'), `PAID ${await microsOf(stage, 'a')}`);
    const next = await (await transaction(stage))('a', 'DONE');
    await publishStamped(stage, [next]);
    await untilAcknowledged(worker, 4);
    assert.equal(await recordOf(stage, 'a'), `DONE ${await microsOf(stage, 'a')}`);
  });
}

test('a microsecond decides whether the row is visible yet', async (t) => {
  const stage = await timestampStage(t, 30);
  const at = (micros: string) => `2026-11-22T10:00:00.${micros}Z`;
  await stage.database.pool.query(`INSERT INTO orders VALUES ('a', 'NEW', $1)`, [at('123455')]);
  await writeRecord(stage, 'a', 'OLD', 0);
  const worker = await startConsuming(t, stage);
  await publishStamped(stage, [{ orderId: 'a', status: 'SENT', version: at('123456') }]);
  await until('retried', async () => (await worker.report()).outcomes.retried >= 1);
  assert.equal(await recordOf(stage, 'a'), 'NEW 1795341600123455');
  await stage.database.pool.query(`UPDATE orders SET status = 'SENT', version = $1`, [at('123456')]);
  await until('it is seen', async () => (await recordOf(stage, 'a')) === 'SENT 1795341600123456');
});

test('an order that is deleted and made again with a low version: the row wins over the dead order’s late event', async (t) => {
  const stage = await setStage(t, { versioned: true, maxAttempts: 2 });
  await writeRow(stage, 'a', 'DELIVERED', 9);
  await writeRecord(stage, 'a', 'DELIVERED', 9);
  const worker = await startConsuming(t, stage);
  await stage.database.pool.query(`DELETE FROM orders; INSERT INTO orders VALUES ('a', 'NEW', 1)`);

  await publish(stage, [
    { orderId: 'a', status: 'NEW', version: 1 },
    { orderId: 'a', status: 'DELIVERED', version: 9 },
  ]);
  const { outcomes } = await untilAcknowledged(worker, 3);
  assert.equal(outcomes.unseen, 1);
  assert.equal(await recordOf(stage, 'a'), 'NEW 1');

  await writeRow(stage, 'a', 'PAID', 2);
  await publish(stage, [{ orderId: 'a', status: 'PAID', version: 2 }]);
  await untilAcknowledged(worker, 4);
  assert.equal(await recordOf(stage, 'a'), 'PAID 2');
});

test('versions of 60 digits are told apart in their last one', async (t) => {
  const stage = await setStage(t, { versioned: true, maxAttempts: 2 });
  await stage.database.pool.query('ALTER TABLE orders ALTER version TYPE numeric');
  const digits = '7'.repeat(59);
  await stage.database.pool.query(`INSERT INTO orders VALUES ('a', 'PAID', $1)`, [`${digits}7`]);
  await writeRecord(stage, 'a', 'NEW', 1);
  const worker = await startConsuming(t, stage);
  await publishStamped(stage, [
    { orderId: 'a', status: 'PAID', version: `${digits}7` },
    { orderId: 'a', status: 'SENT', version: `${digits}8` },
  ]);
  const { outcomes } = await untilAcknowledged(worker, 3);
  assert.deepEqual([outcomes.retried, outcomes.unseen], [1, 1]);
  assert.equal(await recordOf(stage, 'a'), `PAID ${digits}7`);
});

async function publishSource(stage: Stage, versionSource: string): Promise<void> {
  const connection = connectRedis({ uri: stage.credentials.redis?.uri ?? '' }, PATIENT);
  try {
    await connection.ready();
    const table = { ...TABLE, owner: 'default/test/orders', uid: 'uid', revision: 2, versionSource };
    await publishTtlTable(connection, stage.keyPrefix, table);
  } finally {
    connection.close();
  }
}

test('versions that come from another column: equal numbers are not equal versions, in both strategies', async (t) => {
  for (const strategy of ['WriteThrough', 'ReadThrough'] as const) {
    const stage = await setStage(t, { versioned: true, strategy });
    await stage.database.pool.query('ALTER TABLE orders ADD revision bigint DEFAULT 5');
    for (const id of ['a', 'b']) await writeRow(stage, id, 'SENT', 900);
    // Of the old column; the one by chance like the row, the other not.
    await writeRecord(stage, 'a', 'SENT', 5);
    await writeRecord(stage, 'b', 'PAID', 901);
    await publishSource(stage, 'orders.revision');
    const worker = await startConsuming(t, { ...stage, config: withVersionColumn(stage.config, 'revision') });
    await publish(
      stage,
      ['a', 'b'].map((orderId) => ({ orderId, version: 5 })),
    );
    await untilAcknowledged(worker, 2);
    for (const id of ['a', 'b']) {
      const source = await stage.redis.hget(stage.keyPrefix + id, 'source');
      const expected = strategy === 'WriteThrough' ? ['SENT', 'orders.revision'] : [null, null];
      assert.deepEqual([await statusInCache(stage, id), source], expected);
    }
    assert.equal(await rowOf(stage, 'a'), 'SENT 900');
  }
});

function withVersionColumn(config: WorkerConfig, version: string): WorkerConfig {
  const { database } = config;
  assert.ok(database !== undefined);
  return { ...config, database: { ...database, columns: { ...database.columns, version } } };
}
