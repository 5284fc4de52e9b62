import { Redis } from 'ioredis';
import { print } from './lines.ts';
import { management } from './management.ts';
import { type Settings, uri } from './settings.ts';

interface Named {
  readonly name: string;
}

/** What is in the broker's vhost and in Redis, asked from the servers themselves. */
export async function listLeftovers(_: Settings): Promise<void> {
  const redis = new Redis(uri('REDIS_URI'), { commandTimeout: 10_000 });
  const redisKeys: string[] = [];
  for await (const page of redis.scanStream({ count: 1000 })) redisKeys.push(...(page as string[]));
  redis.disconnect();
  const [queues, exchanges] = await Promise.all([namesOf('queues'), namesOf('exchanges')]);
  const ofPeople = exchanges.filter((name) => name !== '' && !name.startsWith('amq.'));
  print({ kind: 'leftovers', queues, exchanges: ofPeople, redisKeys: redisKeys.sort().slice(0, 50) });
}

async function namesOf(kind: 'queues' | 'exchanges'): Promise<string[]> {
  const found = await management<Named[]>('GET', (vhost) => `${kind}/${vhost}`);
  return found.map(({ name }) => name).sort();
}
