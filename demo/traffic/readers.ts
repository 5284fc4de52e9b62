import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createReader } from '../../cache/reader.ts';
import { seededRandom } from '../../test/fixtures/seeded-random.ts';
import { readRows } from './database.ts';
import { print } from './lines.ts';
import { orderIdOf, type Settings, uri } from './settings.ts';

/** Reads each hot order once, so that it is in the cache. */
export async function warm(settings: Settings): Promise<void> {
  const { reader, close } = openReader(settings);
  let cached = 0;
  for (let from = 0; from < settings.hotOrders; from += 200) {
    const numbers = Array.from({ length: Math.min(200, settings.hotOrders - from) }, (_, i) => from + i);
    const reads = await Promise.allSettled(numbers.map((number) => reader.get(orderIdOf(number))));
    cached += reads.filter(({ status }) => status === 'fulfilled').length;
  }
  await close();
  print({ kind: 'warmed', cached });
}

/** A shop, a support desk and a partner API: they read hot orders through the cache until the pod is ended. */
export async function runReaders(settings: Settings): Promise<void> {
  const { reader } = openReader(settings);
  const random = seededRandom(7);
  const perTick = (settings.readsPerSecond ?? 200) / 10;
  for (;;) {
    const second = { hits: 0, misses: 0, errors: 0 };
    let lastError: string | undefined;
    for (let tick = 0; tick < 10; tick += 1) {
      const reads = Array.from({ length: perTick }, async () => {
        const order = await reader.get(orderIdOf(Math.floor(random() * settings.hotOrders)));
        second[order?.from === 'cache' ? 'hits' : 'misses'] += 1;
      });
      for (const read of await Promise.allSettled(reads)) {
        if (read.status === 'fulfilled') continue;
        second.errors += 1;
        lastError = String(read.reason);
      }
      await sleep(100);
    }
    print({ kind: 'reads', ...second, ...(lastError === undefined ? {} : { lastError }) });
  }
}

function openReader(settings: Settings) {
  const database = new pg.Pool({ connectionString: uri('DATABASE_URI'), max: 8, statement_timeout: 10_000 });
  const reader = createReader({
    redis: { uri: uri('REDIS_URI') },
    keyPrefix: settings.keyPrefix,
    loadTimeoutMs: 10_000,
    load: async (orderId: string) => (await readRows(database, [orderId])).get(orderId) ?? null,
  });
  const close = async () => {
    await reader.close();
    await database.end();
  };
  return { reader, close };
}
