import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';
import type { World } from './world.ts';

type Fault = (world: World, random: Random) => Promise<unknown>;

/** Each is over when its promise resolves. None needs a catch-up: those lose writes that somebody was told of. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'Redis killed, back empty': async (world, random) => {
    await world.redis.kill();
    await sleep(200 + random() * 1_500);
    await world.redis.start();
    await world.publishTtl();
  },
  'Redis frozen': async ({ redis }, random) => {
    redis.freeze();
    await sleep(100 + random() * 1_200);
    redis.thaw();
  },
  'worker killed': (world) => world.killWorker(),
  'broker connections cut': ({ stage }) => stage.vhost.closeConnections(),
  'database connections cut': ({ stage }) => stage.database.closeConnections(),
  'keys evicted': async ({ stage }, random) => {
    const keys = await stage.redis.keys(`${stage.keyPrefix}*`);
    const some = keys.filter(() => random() < 0.3);
    if (some.length > 0) await stage.redis.del(some);
  },
};

/** One fault after another, each with some time to recover in. Gives how often each was done. */
export async function breakThings(
  world: World,
  random: Random,
  seconds: number,
): Promise<Record<string, number>> {
  const names = Object.keys(FAULTS);
  const counts: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
  const until = Date.now() + seconds * 1_000;
  while (Date.now() < until) {
    const name = names[Math.floor(random() * names.length)] ?? '';
    await FAULTS[name]?.(world, random);
    counts[name] = (counts[name] ?? 0) + 1;
    await sleep(500 + random() * 2_000);
  }
  return counts;
}
