import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { OrderCache } from '../../cache/order-cache.ts';
import type { Row } from '../../cache/record.ts';
import { FENCES } from './cache-fences.ts';
import { type CacheWorld, cacheWorld, TABLE } from './cache-world.ts';

/**
 * Each race is played twice: with the scripts as they are, where the cache ends absent or equal to the row, and without
 * the fence that prevents it, where the dead row is seen.
 */
const real = await cacheWorld({ after });

const OLD: Row = { status: 'NEW', version: '4' };
const NEW: Row = { status: 'DELIVERED', version: '5' };
const NEWER: Row = { status: 'RETURNED', version: '6' };

interface Play {
  readonly cache: OrderCache;
  readonly orderId: string;
  readonly world: CacheWorld;
}

let count = 0;

function race(
  name: string,
  fences: readonly (keyof typeof FENCES)[],
  play: (p: Play) => Promise<void>,
  truth: Row | null,
): void {
  test(`${name}: never the dead row`, async () => {
    assert.ok(isRight(await end(real, play), truth));
  });
  for (const fence of fences) {
    test(`${name}: seen, were it not that ${fence}`, async (t: TestContext) => {
      const world = await cacheWorld(t, FENCES[fence]);
      const seen = await end(world, play);
      assert.ok(
        !isRight(seen, truth),
        `without the fence the cache still ended with ${JSON.stringify(seen)}`,
      );
    });
  }
}

async function end(world: CacheWorld, play: (p: Play) => Promise<void>): Promise<Row | null> {
  count += 1;
  const orderId = `R${count}`;
  await play({ cache: world.cache, orderId, world });
  return world.cache.get(orderId);
}

function isRight(seen: Row | null, truth: Row | null): boolean {
  return seen === null || (seen.status === truth?.status && seen.version === truth.version);
}

async function lease({ cache, orderId }: Play): Promise<string> {
  const outcome = await cache.lease(orderId, 10_000);
  assert.equal(outcome.kind, 'granted');
  return outcome.kind === 'granted' ? outcome.token : '';
}

async function cached(play: Play, row: Row): Promise<void> {
  const token = await lease(play);
  assert.deepEqual(await play.cache.fill(play.orderId, token, row, TABLE), { kind: 'filled' });
}

async function apply({ cache, orderId }: Play): Promise<string> {
  return (await cache.apply('mark', [{ orderId, expected: null }])).ticket;
}

function settle({ cache, orderId }: Play, ticket: string, row: Row | null) {
  return cache.settle(ticket, TABLE, [{ orderId, row }]);
}

function expire({ world, orderId }: Play): Promise<number> {
  return world.redis.del(world.key(orderId));
}

race(
  'a reader has read the old row when the event arrives, and fills after it',
  ['the lease is checked by fill', 'apply voids the lease'],
  async (play) => {
    const token = await lease(play);
    await apply(play);
    await play.cache.fill(play.orderId, token, OLD, TABLE);
  },
  NEW,
);

race(
  'the same in ReadThrough',
  ['the lease is checked by fill', 'apply voids the lease'],
  async (play) => {
    const token = await lease(play);
    await play.cache.apply('drop', [{ orderId: play.orderId, expected: NEW as Row & { version: string } }]);
    await play.cache.fill(play.orderId, token, OLD, TABLE);
  },
  NEW,
);

race(
  'a reader is so slow that its lease runs out, the event passes, and another reader has a lease by then',
  ['a lease is the reader’s own'],
  async (play) => {
    const token = await lease(play);
    await expire(play);
    await apply(play);
    await lease(play);
    await play.cache.fill(play.orderId, token, OLD, TABLE);
  },
  NEW,
);

race(
  'a worker reads the row, another worker settles a newer one, and the first settles late',
  ['settle wants its ticket'],
  async (play) => {
    await cached(play, OLD);
    const first = await apply(play);
    const second = await apply(play);
    await settle(play, second, NEWER);
    await settle(play, first, NEW);
  },
  NEWER,
);

race(
  'a worker reads the row, the record expires, a reader loads a newer one, and the worker settles',
  ['settle wants its ticket'],
  async (play) => {
    await cached(play, OLD);
    const ticket = await apply(play);
    await expire(play);
    await cached(play, NEWER);
    await settle(play, ticket, NEW);
  },
  NEWER,
);

race(
  'an event arrives before its row is visible, and a reader fills the old row before the worker sees the new one',
  ['what settle may not write it drops'],
  async (play) => {
    const ticket = await apply(play);
    await cached(play, OLD);
    await settle(play, ticket, NEW);
  },
  NEW,
);

race(
  'an event arrives before its row is visible, and a reader is about to fill the old row when the worker settles',
  ['what settle may not write it drops'],
  async (play) => {
    const ticket = await apply(play);
    const token = await lease(play);
    await settle(play, ticket, NEW);
    await play.cache.fill(play.orderId, token, OLD, TABLE);
  },
  NEW,
);

race(
  'a settle that timed out lands after the worker has read and settled again',
  ['a ticket is used up by writing'],
  async (play) => {
    await cached(play, OLD);
    const ticket = await apply(play);
    await settle(play, ticket, NEWER);
    await settle(play, ticket, NEW);
  },
  NEWER,
);

race(
  'a settle that timed out lands after the row has gone back to what the record says',
  ['a ticket is used up by finding nothing to do'],
  async (play) => {
    const before: Row = { status: 'NEW', version: null };
    await cached(play, before);
    const ticket = await apply(play);
    await settle(play, ticket, before);
    await settle(play, ticket, { status: 'ON_HOLD', version: null });
  },
  { status: 'NEW', version: null },
);

race(
  'an order is deleted and made again, and counts up to the version that the dead one had',
  ['a version alone does not make a record the same'],
  async (play) => {
    await cached(play, { status: 'DELIVERED', version: '5' });
    const expected = { status: 'NEW', version: '5' };
    await play.cache.apply('drop', [{ orderId: play.orderId, expected }]);
  },
  { status: 'NEW', version: '5' },
);

race(
  'an order is deleted while a reader loads it',
  ['the lease is checked by fill'],
  async (play) => {
    const token = await lease(play);
    const ticket = await apply(play);
    await settle(play, ticket, null);
    await play.cache.fill(play.orderId, token, OLD, TABLE);
  },
  null,
);

race(
  'a WriteThrough worker has marked the record when a ReadThrough worker drops it and a reader loads it again',
  ['settle wants its ticket'],
  async (play) => {
    await cached(play, OLD);
    const ticket = await apply(play);
    await play.cache.apply('drop', [{ orderId: play.orderId, expected: null }]);
    await cached(play, NEWER);
    await settle(play, ticket, NEW);
  },
  NEWER,
);

test('an event that arrives before its row is visible leaves the old row behind unless the absent is settled', async () => {
  const seen = await end(real, async (play) => {
    await apply(play);
    await cached(play, OLD);
  });
  assert.deepEqual(seen?.status, OLD.status);
});
