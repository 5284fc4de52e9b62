import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { createOutbox, createOutboxRelay } from '../../publisher/index.ts';
import { testDatabase, testVhost } from '../servers/index.ts';
import { pending, soon, transaction } from './outbox-stage.ts';

const docs = join(import.meta.dirname, '../../docs');
const page = readFileSync(join(docs, 'outbox.md'), 'utf8');
const examples = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql);

test('docs/outbox.sql and the SQL of docs/outbox.md make an outbox with the least rights', async (t) => {
  const closing: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const close of closing) await close();
  });
  const [vhost, database] = [await testVhost(t), await testDatabase(t)];
  const [mes, relay] = [`mes_${database.database}`, `relay_${database.database}`];
  const own = (sql: string) => sql.replace(/\bmes\b/g, mes).replace(/\boutbox_relay\b/g, relay);
  const { pool } = database;
  await pool.query(`CREATE ROLE ${mes} LOGIN PASSWORD 'x'; CREATE ROLE ${relay} LOGIN PASSWORD 'x'`);
  const poolOf = (role: string) => {
    const uri = new URL(database.uri);
    uri.username = role;
    uri.password = 'x';
    const made = new pg.Pool({ connectionString: uri.href });
    made.on('error', () => {});
    closing.push(() => made.end());
    return made;
  };
  try {
    const script = readFileSync(join(docs, 'outbox.sql'), 'utf8');
    await pool.query(script);
    await pool.query(script);
    await pool.query(`GRANT INSERT, UPDATE ON orders TO ${mes}`);
    assert.equal(examples.length, 5);
    for (const example of examples) await pool.query(own(example));

    const channel = await (await vhost.connect()).createChannel();
    await channel.assertExchange('mes', 'topic');
    await channel.assertQueue('orders');
    await channel.bindQueue('orders', 'mes', '#');
    const uri = await vhost.addUser({ configure: '^$', write: '^mes$', read: '^$' });
    const trouble: string[] = [];
    const running = createOutboxRelay({
      database: poolOf(relay),
      rabbitmq: { uri },
      onTrouble: ({ message }) => trouble.push(message),
    });
    closing.unshift(() => running.close());

    const initiator = poolOf(mes);
    await initiator.query("INSERT INTO orders VALUES ('A', 'NEW', 1)");
    await transaction(initiator, async (client) => {
      await createOutbox({ exchange: 'mes', routingKey: 'own' }).enqueue(client, {
        orderId: 'B',
        status: 'NEW',
      });
    });
    const published = async () => (await channel.checkQueue('orders')).messageCount;
    await soon(
      'published and deleted',
      async () => (await published()) === 2 && (await pending(database)) === 0,
    );
    await createOutbox({ exchange: 'nowhere', routingKey: 'k' }).enqueue(initiator, {
      orderId: 'C',
      status: 'NEW',
    });
    await soon('only what is refused is left', async () => (await pending(database)) === 1);
    await soon('and says why', async () => (await pool.query(examples[2] ?? '')).rows.length === 1);
    assert.equal(await published(), 2);
    assert.ok(
      trouble.every((each) => /NOT.FOUND|ACCESS.REFUSED/.test(each)),
      trouble.join('; '),
    );

    await assert.rejects(initiator.query('SELECT * FROM order_outbox'), /permission denied/);
    await assert.rejects(poolOf(relay).query("UPDATE order_outbox SET body = '{}'"), /permission denied/);
  } finally {
    for (const close of closing.splice(0)) await close();
    await pool.query(`DROP OWNED BY ${mes}, ${relay}; DROP ROLE ${mes}, ${relay}`);
  }
});
