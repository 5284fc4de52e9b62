/** The reader of this package as a command for the conformance checks. */
import { createInterface } from 'node:readline';
import { createReader, type LoadedRow } from '../../../cache/reader.ts';

const waiting = new Map<unknown, (row: LoadedRow | null) => void>();
const say = (message: object) => void process.stdout.write(`${JSON.stringify(message)}\n`);
let loads = 0;

/** Longer than in service: a busy machine must not make it read the database. */
const reader = createReader({
  redis: { uri: process.env.ORDERCACHE_REDIS_URI ?? '' },
  keyPrefix: process.env.ORDERCACHE_KEY_PREFIX ?? '',
  redisTimeoutMs: 5000,
  loadTimeoutMs: 20_000,
  load: (orderId) => {
    loads += 1;
    const number = loads;
    return new Promise<LoadedRow | null>((resolve) => {
      waiting.set(number, resolve);
      say({ load: number, orderId });
    });
  },
});

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if ('loaded' in message) waiting.get(message.loaded)?.(message.row);
  else
    reader.get(message.orderId).then(
      (row) => say({ got: message.get, row }),
      (error) => say({ got: message.get, error: String(error) }),
    );
});
