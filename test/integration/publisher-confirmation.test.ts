import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { createReader, type Reader } from '../../cache/reader.ts';
import { createPublisher, PublishError, type Publisher } from '../../publisher/index.ts';
import type { PublisherOptions } from '../../publisher/options.ts';
import { until } from './worker-process.ts';
import {
  type Stage,
  type StageOptions,
  setStage,
  startConsuming,
  writeRecord,
  writeRow,
} from './worker-stage.ts';
import { confirmingEarly } from './worker-variant.ts';

const CONFIRMATION = { routingKey: '', replyTo: true } as const;

interface World {
  readonly stage: Stage;
  /** As MES: it may publish to its exchange, and nothing else. */
  readonly publisher: (more?: Partial<PublisherOptions>) => Publisher;
  readonly username: string;
}

async function world(t: TestContext, options: StageOptions = { confirmation: CONFIRMATION }): Promise<World> {
  const publishers: Publisher[] = [];
  t.after(() => Promise.all(publishers.map((publisher) => publisher.close())));
  const stage = await setStage(t, options);
  await stage.channel.assertExchange('mes', 'topic');
  await stage.channel.bindQueue(stage.topology.queue, 'mes', '#');
  const uri = await stage.vhost.addUser({ configure: '^$', write: '^mes$', read: '^$' });
  const publisher = (more: Partial<PublisherOptions> = {}) => {
    const options = { uri, exchange: 'mes', routingKey: 'order', timeoutMilliseconds: 60_000 };
    const made = createPublisher({ ...options, ...more });
    publishers.push(made);
    return made;
  };
  return { stage, publisher, username: new URL(uri).username };
}

async function failure(publishing: Promise<unknown>): Promise<PublishError> {
  const error: unknown = await publishing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PublishError, `expected a PublishError, got ${String(error)}`);
  return error;
}

/** A reader as an application has it; what it reads from the database is the committed row. */
function readerOf(t: TestContext, { database, credentials, keyPrefix }: Stage): Reader {
  const select = 'SELECT status, version::text AS version FROM orders WHERE id = $1';
  const reader = createReader({
    redis: { uri: credentials.redis?.uri ?? '' },
    keyPrefix,
    load: async (id) => (await database.pool.query(select, [id])).rows[0] ?? null,
    redisTimeoutMs: 10_000,
    loadTimeoutMs: 20_000,
  });
  t.after(() => reader.close());
  return reader;
}

/** So many hits at least are looked at. */
const HITS = 250;

interface Looks {
  hits: number;
  stale: number;
}

/** When it is enough, however few hits there were, in milliseconds. */
const LONGEST = 120_000;

/**
 * Changes an order again and again, so often at least and until there were so many hits; looks at it as soon as each
 * change is confirmed, with others reading all the time.
 */
async function changeAndLook(
  t: TestContext,
  { stage, publisher }: World,
  changes: number,
  leastHits = 0,
): Promise<Looks> {
  const [mes, reader, other] = [publisher(), readerOf(t, stage), readerOf(t, stage)];
  const looks: Looks = { hits: 0, stale: 0 };
  const reading = new AbortController();
  const noise = (async () => {
    while (!reading.signal.aborted) await Promise.all([other.get('a'), sleep(1)]);
  })();
  const until = performance.now() + LONGEST;
  const goesOn = () => looks.hits < leastHits && performance.now() < until;
  for (let version = 1; version <= changes || goesOn(); version++) {
    const status = `S${version}`;
    await writeRow(stage, 'a', status, version);
    await mes.publishAndWait({ orderId: 'a', status });
    const found = await reader.get('a');
    if (found?.from === 'cache') looks.hits++;
    if (found?.status !== status) looks.stale++;
  }
  reading.abort();
  await noise;
  return looks;
}

test('when the wait ends, a reader sees the change: every time, with others reading all along', async (t) => {
  const w = await world(t);
  await startConsuming(t, w.stage);
  const { hits, stale } = await changeAndLook(t, w, 500, HITS);
  t.diagnostic(`${hits} hits, ${stale} stale`);
  assert.equal(stale, 0);
  assert.ok(hits >= HITS, `${hits} hits show little`);
});

test('the same with ReadThrough: the first reader after the wait reads the row', async (t) => {
  const w = await world(t, { confirmation: CONFIRMATION, strategy: 'ReadThrough' });
  await startConsuming(t, w.stage);
  const { stale } = await changeAndLook(t, w, 200);
  assert.equal(stale, 0);
});

test('with a worker that confirms before the effect, readers do see the state before', async (t) => {
  const { stage, publisher } = await world(t);
  await startConsuming(t, stage, 'info', confirmingEarly(t));
  const [mes, reader] = [publisher(), readerOf(t, stage)];
  await writeRow(stage, 'a', 'S1', 1);
  await reader.get('a');
  await writeRow(stage, 'a', 'S2', 2);
  await mes.publishAndWait({ orderId: 'a', status: 'S2' });
  assert.equal((await reader.get('a'))?.status, 'S1');
});

test('it says what happened, and gives the version of the row', async (t) => {
  const w = await world(t, { confirmation: CONFIRMATION, versioned: true });
  await startConsuming(t, w.stage);
  await writeRow(w.stage, 'a', 'SHIPPED', 7);
  await writeRecord(w.stage, 'a', 'PAID', 1);
  const mes = w.publisher({ event: { versionPointer: '/version' } });
  const change = { orderId: 'a', status: 'SHIPPED', version: 7 };
  const result = await mes.publishAndWait(change, { messageId: 'm-1' });
  assert.deepEqual(result, { messageId: 'm-1', outcome: 'updated', version: '7' });
  const late = await mes.publishAndWait({ orderId: 'a', status: 'PAID', version: 3 }, { messageId: 'm-1' });
  assert.deepEqual(late, { messageId: 'm-1', outcome: 'outdated', version: '7' });
});

test('an event that waits for its commit is confirmed after it', async (t) => {
  const { stage, publisher } = await world(t, {
    confirmation: CONFIRMATION,
    versioned: true,
    maxAttempts: 9,
  });
  await startConsuming(t, stage);
  await writeRow(stage, 'a', 'PAID', 1);
  await writeRecord(stage, 'a', 'PAID', 1);
  const client: PoolClient = await stage.database.pool.connect();
  await client.query(`BEGIN; UPDATE orders SET status = 'SHIPPED', version = 2 WHERE id = 'a'`);
  let committed = false;
  const mes = publisher({ event: { versionPointer: '/version' } });
  const waiting = mes
    .publishAndWait({ orderId: 'a', status: 'SHIPPED', version: 2 })
    .then(({ version }) => ({ version, committed }));
  await sleep(700);
  committed = true;
  await client.query('COMMIT');
  client.release();
  assert.deepEqual(await waiting, { version: '2', committed: true });
});

test('a change that never becomes visible is an error that says why', async (t) => {
  const { stage, publisher } = await world(t, {
    confirmation: CONFIRMATION,
    versioned: true,
    maxAttempts: 1,
  });
  await startConsuming(t, stage);
  await writeRow(stage, 'a', 'PAID', 1);
  const versioned = publisher({ event: { versionPointer: '/version' } });
  const unseen = await failure(versioned.publishAndWait({ orderId: 'a', status: 'SENT', version: 2 }));
  assert.deepEqual([unseen.reason, unseen.mayHaveArrived], ['Unseen', true]);

  const other = publisher({ event: { statusPointer: '/state' } });
  const unreadable = await failure(other.publishAndWait({ orderId: 'a', status: 'SENT' }));
  assert.deepEqual([unreadable.reason, unreadable.mayHaveArrived], ['DeadLettered', true]);
  assert.match(unreadable.message, /MissingField/);
});

test('without confirmations, or without a worker, it ends at the deadline: NotConfirmed, published all the same', async (t) => {
  const { stage, publisher } = await world(t, {});
  const mes = publisher();
  await mes.publish({ orderId: 'a', status: 'SENT' });
  await startConsuming(t, stage);
  const startedAt = performance.now();
  const waiting = mes.publishAndWait(
    { orderId: 'a', status: 'SENT' },
    { messageId: 'm', timeoutMilliseconds: 600 },
  );
  const error = await failure(waiting);
  const took = performance.now() - startedAt;
  assert.deepEqual([error.reason, error.mayHaveArrived, error.messageId], ['NotConfirmed', true, 'm']);
  assert.ok(took >= 590 && took < 30_000, `${took} ms`);
  const wrong = await failure(
    mes.publishAndWait({ orderId: 'a', status: 'SENT' }, { timeoutMilliseconds: 0 }),
  );
  assert.deepEqual([wrong.reason, wrong.field], ['Invalid', 'timeoutMilliseconds']);
});

test('an event that no queue takes is Unroutable, and a wait does not hold up others', async (t) => {
  const { stage, publisher } = await world(t);
  await stage.channel.unbindQueue(stage.topology.queue, 'mes', '#');
  await stage.channel.bindQueue(stage.topology.queue, 'mes', 'order');
  const mes = publisher({ maxInFlight: 1 });
  const waiting = Array.from({ length: 20 }, () => mes.publishAndWait({ orderId: 'a', status: 'SENT' }));
  await mes.publish({ orderId: 'a', status: 'SENT' });
  const error = await failure(
    mes.publishAndWait({ orderId: 'a', status: 'SENT' }, { routingKey: 'nowhere' }),
  );
  assert.equal(error.reason, 'Unroutable');
  await startConsuming(t, stage);
  assert.equal((await Promise.all(waiting)).length, 20);
});

test('cut off again and again, every wait ends confirmed', async (t) => {
  const { stage, publisher, username } = await world(t);
  await startConsuming(t, stage);
  const mes = publisher();
  let [ended, cutting] = [0, true];
  const askInTurn = async () => {
    while (cutting) {
      await mes.publishAndWait({ orderId: `o${ended}`, status: 'SENT' });
      ended++;
    }
  };
  const asking = Promise.all(Array.from({ length: 500 }, askInTurn));
  for (const _ of [1, 2, 3]) {
    const before = ended;
    await Promise.race([asking, until('waits end', () => ended > before + 400, 60_000)]);
    await stage.vhost.management('DELETE', `connections/username/${username}`);
  }
  cutting = false;
  await asking;
});

test('close waits for the waits', async (t) => {
  const { stage, publisher } = await world(t);
  const mes = publisher();
  const waiting = mes.publishAndWait({ orderId: 'a', status: 'SENT' });
  const closed = mes.close();
  await startConsuming(t, stage);
  assert.equal((await waiting).outcome, 'absent');
  await closed;
  assert.equal((await failure(mes.publishAndWait({ orderId: 'a', status: 'SENT' }))).reason, 'Closed');
});
