/** An initiator on amqplib and pg alone. `--fault=<name>` spoils it in one way. */
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { connect } from 'amqplib';
import pg from 'pg';

const fault = process.argv[2]?.replace('--fault=', '') ?? '';
const is = (name: string) => fault === name;
const { ORDERCACHE_AMQP_URI: uri = '', ORDERCACHE_EXCHANGE: exchange = '' } = process.env;
const database = new pg.Pool({
  connectionString: process.env.ORDERCACHE_DATABASE_URI,
  query_timeout: 30_000,
});
database.on('error', () => undefined);
const connection = await connect(uri, { timeout: 30_000 });
connection.on('error', () => undefined);
const say = (message: object) => void process.stdout.write(`${JSON.stringify(message)}\n`);

async function publish(orderId: string, status: string): Promise<void> {
  const channel = is('does-not-confirm')
    ? await connection.createChannel()
    : await connection.createConfirmChannel();
  channel.on('error', () => {});
  const timestamp = new Date().toISOString().slice(0, is('no-offset') ? -1 : undefined);
  const body = { [is('other-field') ? 'id' : 'orderId']: orderId, status, timestamp };
  channel.publish(
    exchange,
    `${process.env.ORDERCACHE_ROUTING_KEY}.${status}`,
    Buffer.from(JSON.stringify(body)),
    {
      contentType: 'application/json',
      persistent: !is('not-persistent'),
      ...(is('no-message-id') ? {} : { messageId: is('one-message-id') ? 'same' : randomUUID() }),
    },
  );
  if ('waitForConfirms' in channel) await channel.waitForConfirms();
}

const update = (orderId: string, status: string) =>
  database.query('UPDATE orders SET status = $2, version = version + 1 WHERE id = $1', [orderId, status]);

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { change, orderId, status } = JSON.parse(line);
  try {
    const steps = [() => update(orderId, status), () => publish(orderId, status)];
    for (const step of is('publishes-first') ? steps.reverse() : steps) await step();
    say({ changed: change });
  } catch (error) {
    say({ changed: change, error: String(error) });
  }
});
