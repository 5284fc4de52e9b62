import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createOutbox, type OutboxDatabase } from '../../publisher/index.ts';
import { faultProxy } from '../servers/index.ts';
import { changeOrders, compare } from './outbox-load.ts';
import { type OutboxStage, outboxStage, pending, relayPool, soon, transaction } from './outbox-stage.ts';

const WELL = { missing: 0, invented: 0, doubled: 0, overtaken: 0 };

/** Each relay's claim with a fence taken down. @throws Error when the fence is not there to be taken down */
function without(fence: string): (database: OutboxDatabase) => OutboxDatabase {
  return (database) => ({
    connect: async () => {
      const client = await database.connect();
      const query = client.query.bind(client);
      client.query = (text, values) => {
        if (text.startsWith('WITH due') && !text.includes(fence)) throw new Error(`no such fence: ${fence}`);
        return query(text.replace(fence, ''), values);
      };
      return client;
    },
  });
}

/** As many relays as this wait for each other with the orders that each claims first. */
function together(relays: number): (database: OutboxDatabase) => OutboxDatabase {
  let claims = 0;
  let release = () => {};
  const all = new Promise<void>((resolve) => {
    release = resolve;
  });
  return (database) => ({
    connect: async () => {
      const client = await database.connect();
      const query = client.query.bind(client);
      let hasClaimed = false;
      client.query = async (text, values) => {
        const result = await query(text, values);
        if (!text.startsWith('WITH due') || hasClaimed) return result;
        hasClaimed = true;
        claims += 1;
        if (claims === relays) release();
        await all;
        return result;
      };
      return client;
    },
  });
}

const LOCK = 'FOR UPDATE OF head SKIP LOCKED';
const FIRST_ONLY =
  'AND NOT EXISTS (SELECT FROM "order_outbox" earlier WHERE earlier.order_id = head.order_id AND earlier.id < head.id)';

/** Three relays at a backlog. */
async function relayed(
  stage: OutboxStage,
  { orders, transactions }: { orders: number; transactions: number },
  wrapped?: (database: OutboxDatabase) => OutboxDatabase,
) {
  const committed = await changeOrders(stage.database, { orders, transactions });
  for (let n = 0; n < 3; n += 1) stage.relay({ batchOrders: 10 }, wrapped);
  await soon('empty', async () => (await pending(stage.database)) === 0);
  await soon('arrived', () => compare(committed, stage.arrived).missing === 0);
  return compare(committed, stage.arrived);
}

const outbox = createOutbox({ exchange: 'mes', routingKey: 'mes.order.status' });

describe('three relays', () => {
  it('publish exactly what was committed, each event once and in order, while it is being written', async (t) => {
    const stage = await outboxStage(t);
    for (let n = 0; n < 3; n += 1) stage.relay({ batchOrders: 3 });
    const committed = await changeOrders(stage.database, { orders: 8, transactions: 1_000 });
    await soon('arrived', () => compare(committed, stage.arrived).missing === 0);
    await soon('empty', async () => (await pending(stage.database)) === 0);
    t.diagnostic(`${committed.length} committed of 1000`);
    assert.deepEqual(compare(committed, stage.arrived), WELL);
    assert.ok(committed.length > 500 && committed.length < 1_000);
  });

  it('share a backlog', async (t) => {
    const stage = await outboxStage(t);
    assert.deepEqual(await relayed(stage, { orders: 40, transactions: 600 }), WELL);
  });

  for (const locked of [true, false])
    it(`${locked ? 'claim different orders' : 'publish events twice, without the lock on the first event of an order,'} when they claim at the same time`, async (t) => {
      const stage = await outboxStage(t);
      const [gate, fenceless] = [together(3), without(LOCK)];
      const { doubled } = await relayed(stage, { orders: 40, transactions: 400 }, (database) =>
        gate(locked ? database : fenceless(database)),
      );
      if (locked) assert.equal(doubled, 0);
      else assert.ok(doubled > 0);
    });

  for (const fenced of [true, false])
    it(`${fenced ? 'wait for' : 'overtake, without the look at earlier ones,'} the event before, which is postponed`, async (t) => {
      const stage = await outboxStage(t);
      const send = (status: string, routingKey: string) =>
        outbox.enqueue(stage.database.pool, { orderId: 'A', status }, { routingKey });
      await send('1', 'crm.order');
      await send('2', 'mes.order');
      const retry = { initialMilliseconds: 60_000 };
      for (let n = 0; n < 3; n += 1)
        stage.relay({ retry, pollMilliseconds: 200 }, fenced ? undefined : without(FIRST_ONLY));
      await soon('refused', () => stage.failures.length > 0);
      if (!fenced) return soon('overtaken', () => stage.arrived.length === 1);
      await sleep(600);
      assert.equal(stage.arrived.length, 0);
    });

  it('stay right while they are killed, the broker restarts and the database cuts connections', async (t) => {
    const stage = await outboxStage(t);
    const proxy = await faultProxy(t, stage.vhost.amqpUri);
    const relays = relayProcesses(stage.database.uri, proxy.through(stage.vhost.amqpUri));
    t.after(() => relays.end());
    let breaking = true;
    t.after(() => {
      breaking = false;
    });
    const changing = changeOrders(stage.database, { orders: 30, transactions: () => breaking, pause: 15 });
    const faults = { kills: 0, restarts: 0, cuts: 0 };
    for (let round = 0; round < 6; round += 1) {
      await soon('events go on', grows(stage));
      await relays.killOne();
      faults.kills += 1;
      await soon('events go on', grows(stage));
      faults.cuts += await stage.database.closeConnections();
      await soon('events go on', grows(stage));
      await proxy.cut();
      await sleep(200);
      await proxy.pass();
      faults.restarts += 1;
    }
    breaking = false;
    const committed = await changing;
    await soon('arrived', () => compare(committed, stage.arrived).missing === 0);
    await soon('empty', async () => (await pending(stage.database)) === 0);
    await sleep(200);
    const { doubled, ...rest } = compare(committed, stage.arrived);
    t.diagnostic(`${committed.length} committed, ${doubled} published twice; ${JSON.stringify(faults)}`);
    assert.deepEqual(rest, { missing: 0, invented: 0, overtaken: 0 });
    assert.ok(faults.cuts >= 6);
  });
});

function grows({ arrived }: OutboxStage): () => boolean {
  const before = arrived.length;
  return () => arrived.length > before + 20;
}

/** Three programs, each replaced when it was killed. */
function relayProcesses(databaseUri: string, amqpUri: string) {
  const main = fileURLToPath(new URL('outbox-relay-process.ts', import.meta.url));
  const env = { PATH: process.env.PATH ?? '', DATABASE_URI: databaseUri, AMQP_URI: amqpUri };
  const start = () => spawn(process.execPath, ['--no-warnings', main], { env, stdio: 'inherit' });
  const running: ChildProcess[] = [start(), start(), start()];
  const kill = async (child: ChildProcess | undefined) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    killOne: async () => {
      await kill(running.shift());
      running.push(start());
    },
    end: async () => {
      await Promise.all(running.map(kill));
    },
  };
}

describe('a relay that is cut off from database and broker with a batch in hand', () => {
  it('loses its orders to another after four timeouts, and can still be closed', async (t) => {
    const stage = await outboxStage(t);
    const broker = await faultProxy(t, stage.vhost.amqpUri);
    const database = await faultProxy(t, stage.database.uri);
    const cutOff = stage.relay({
      database: relayPool(t, database.through(stage.database.uri)),
      rabbitmq: { uri: broker.through(stage.vhost.amqpUri) },
      timeoutMilliseconds: 1_500,
    });
    await soon('up', () => cutOff.status().broker === 'Up' && cutOff.status().database === 'Up');
    await broker.blackHole();
    await outbox.enqueue(stage.database.pool, { orderId: 'A', status: '1' });
    await soon('claimed', async () => (await claimed(stage)) === 1);
    await database.blackHole();
    stage.relay({ pollMilliseconds: 100 });
    await sleep(500);
    assert.equal(stage.arrived.length, 0);
    await soon('published by the other', () => stage.arrived.length === 1);
    const closing = performance.now();
    await cutOff.close();
    const took = performance.now() - closing;
    assert.ok(took < 30_000, `${took} ms`);
  });
});

describe('a relay whose table somebody else has locked', () => {
  it('leaves no statement behind that waits, and goes on when the lock is gone', async (t) => {
    const stage = await outboxStage(t);
    const relay = stage.relay({ timeoutMilliseconds: 250, pollMilliseconds: 100 });
    await soon('up', () => relay.status().database === 'Up');
    let most = 0;
    await transaction(stage.database.pool, async (client) => {
      await client.query('LOCK TABLE order_outbox IN ACCESS EXCLUSIVE MODE');
      await soon('in trouble four times', async () => {
        most = Math.max(most, await waitingForLocks(stage));
        return stage.trouble.length > 3;
      });
    });
    assert.ok(most > 0);
    assert.ok(most <= 2, `${most} statements wait for the lock`);
    await outbox.enqueue(stage.database.pool, { orderId: 'A', status: '1' });
    await soon('published', () => stage.arrived.length === 1);
  });
});

async function waitingForLocks({ database }: OutboxStage): Promise<number> {
  const { rows } = await database.pool.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'relay' AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.waiting ?? 0;
}

/** Events that somebody has locked. */
async function claimed({ database }: OutboxStage): Promise<number> {
  const free = 'SELECT id FROM order_outbox FOR UPDATE SKIP LOCKED';
  const { rows } = await database.pool.query<{ locked: number }>(
    `WITH free AS (${free}) SELECT ((SELECT count(*) FROM order_outbox) - (SELECT count(*) FROM free))::int AS locked`,
  );
  return rows[0]?.locked ?? 0;
}
