import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { compareVersions, type Row } from '../../cache/record.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { FENCES } from './cache-fences.ts';
import { type CacheWorld, cacheWorld, TABLE } from './cache-world.ts';

/**
 * Initiators, two workers, two readers and expiry, interleaved at random over one order, each step of the protocol by
 * itself. `ORDERCACHE_SCHEDULES` and `ORDERCACHE_SCHEDULE_SEED` change how many and which.
 */
const SCHEDULES = Number(process.env.ORDERCACHE_SCHEDULES ?? 400);
const SEED = Number(process.env.ORDERCACHE_SCHEDULE_SEED ?? 1);

const world = await cacheWorld({ after });
let count = 0;

type Actor = AsyncGenerator<void, void, void>;

interface Order {
  readonly orderId: string;
  row: Row | null;
  readonly events: Row[];
  readonly world: CacheWorld;
}

/** Commits three changes, and publishes each after its commit, now and then twice. */
async function* initiator(order: Order, random: () => number): Actor {
  for (const version of ['5', '6', '7']) {
    order.row = { status: `S${version}`, version };
    yield;
    order.events.push(order.row);
    if (random() < 0.3) order.events.splice(0, 0, order.row);
    yield;
  }
}

async function* worker(order: Order, mode: 'mark' | 'drop'): Actor {
  const { orderId, world } = order;
  while (true) {
    const event = order.events.shift();
    if (event === undefined) {
      yield;
      continue;
    }
    const { status, version } = event;
    const expected = version === null ? null : { status, version };
    const { ticket, outcomes } = await world.cache.apply(mode, [{ orderId, expected }]);
    yield;
    if (outcomes[0]?.kind !== 'marked') continue;
    const { row } = order;
    yield;
    await world.cache.settle(ticket, TABLE, [{ orderId, row }]);
    yield;
  }
}

async function* reader(order: Order): Actor {
  const { orderId, world } = order;
  while (true) {
    const lease = await world.cache.lease(orderId, 60_000);
    yield;
    if (lease.kind !== 'granted') continue;
    const { row } = order;
    yield;
    if (row) await world.cache.fill(orderId, lease.token, row, TABLE);
    yield;
  }
}

async function* expiry(order: Order, random: () => number): Actor {
  while (true) {
    if (random() < 0.2) await order.world.redis.del(order.world.key(order.orderId));
    yield;
  }
}

/** What went wrong in one schedule, or null. */
async function play(in_: CacheWorld, seed: number): Promise<string | null> {
  const random = seededRandom(seed);
  count += 1;
  const order: Order = { orderId: `S${count}`, row: { status: 'S4', version: '4' }, events: [], world: in_ };
  const mode = () => (random() < 0.7 ? 'mark' : 'drop');
  const workers = [worker(order, mode()), worker(order, mode())];
  const actors = [
    initiator(order, random),
    ...workers,
    reader(order),
    reader(order),
    expiry(order, random),
  ].map((actor) => ({ actor, weight: 0.2 + random() }));
  let last: Row | null = null;
  for (let step = 0; step < 45; step += 1) {
    await pick(actors, random).actor.next();
    const seen: Row | null = await in_.cache.get(order.orderId);
    if (isOlder(seen, last)) return `an older row replaced a newer one (seed ${seed})`;
    last = seen;
  }
  return finish(order, actors, workers, random, seed);
}

/** The streams go quiet: whatever was begun is ended, in random order, and no event is left. */
async function finish(
  order: Order,
  actors: { actor: Actor; weight: number }[],
  workers: Actor[],
  random: () => number,
  seed: number,
): Promise<string | null> {
  const [first, , , , , last] = actors;
  for (let step = 0; step < 6; step += 1) await first?.actor.next();
  const rest = actors.filter((each) => each !== first && each !== last);
  for (let step = 0; step < 30; step += 1) await pick(rest, random).actor.next();
  while (order.events.length > 0) for (const each of workers) await each.next();
  for (let step = 0; step < 4; step += 1) for (const each of workers) await each.next();
  for (let step = 0; step < 3; step += 1) for (const { actor } of rest) await actor.next();
  const seen = await order.world.cache.get(order.orderId);
  await order.world.redis.del(order.world.key(order.orderId));
  const right = seen === null || (seen.status === order.row?.status && seen.version === order.row.version);
  return right ? null : `the cache says ${seen.version}, the row ${order.row?.version} (seed ${seed})`;
}

function isOlder(seen: Row | null, last: Row | null): boolean {
  return seen?.version != null && last?.version != null && compareVersions(seen.version, last.version) < 0;
}

function pick<T extends { weight: number }>(actors: readonly T[], random: () => number): T {
  let left = random() * actors.reduce((sum, { weight }) => sum + weight, 0);
  const found = actors.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  const [first] = actors;
  const chosen = found ?? first;
  assert.ok(chosen);
  return chosen;
}

/** What went wrong first, in so many schedules; some are played at the same time, each with its own order. */
async function firstProblem(in_: CacheWorld, schedules: number): Promise<string | null> {
  const atATime = 20;
  for (let seed = SEED; seed < SEED + schedules; seed += atATime) {
    const seeds = Array.from({ length: atATime }, (_, i) => seed + i);
    const problems = await Promise.all(seeds.map((each) => play(in_, each)));
    const problem = problems.find((each) => each !== null);
    if (problem !== undefined) return problem;
  }
  return null;
}

test(`in ${SCHEDULES} random schedules no older row replaces a newer one, and the cache ends right`, async () => {
  assert.equal(await firstProblem(world, SCHEDULES), null);
});

for (const fence of [
  'the lease is checked by fill',
  'a lease is the reader’s own',
  'apply voids the lease',
  'settle wants its ticket',
] as const) {
  test(`random schedules find out if it were not that ${fence}`, async (t: TestContext) => {
    const problem = await firstProblem(await cacheWorld(t, FENCES[fence]), SCHEDULES);
    assert.ok(problem, 'no schedule showed it');
    t.diagnostic(problem);
  });
}
