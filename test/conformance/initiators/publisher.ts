/** The publisher of this package as a command for the conformance checks. */
import { createInterface } from 'node:readline';
import pg from 'pg';
import { createPublisher } from '../../../publisher/index.ts';

const database = new pg.Pool({
  connectionString: process.env.ORDERCACHE_DATABASE_URI,
  query_timeout: 30_000,
});
database.on('error', () => undefined);
const publisher = createPublisher({
  uri: process.env.ORDERCACHE_AMQP_URI ?? '',
  exchange: process.env.ORDERCACHE_EXCHANGE ?? '',
  routingKey: process.env.ORDERCACHE_ROUTING_KEY ?? '',
  timeoutMilliseconds: 30_000,
});
const say = (message: object) => void process.stdout.write(`${JSON.stringify(message)}\n`);

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { change, orderId, status } = JSON.parse(line);
  try {
    await database.query('UPDATE orders SET status = $2, version = version + 1 WHERE id = $1', [
      orderId,
      status,
    ]);
    await publisher.publish({ orderId, status });
    say({ changed: change });
  } catch (error) {
    say({ changed: change, error: String(error) });
  }
});
