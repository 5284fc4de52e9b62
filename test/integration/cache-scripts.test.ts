import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { AppliedOrder, ApplyMode } from '../../cache/order-cache.ts';
import type { Row } from '../../cache/record.ts';
import { cacheWorld, SOURCE, TABLE } from './cache-world.ts';

const world = await cacheWorld({ after });
const { cache, redis } = world;

const TTL_MS = 100_000;
const LEASE_MS = 10_000;
const ticketOfOther = 'another-ticket';

/** Contents of a key before the step. */
const STATES = {
  absent: {},
  leased: { lease: 'a-reader' },
  'known to be absent': { lease: 'absent' },
  record: { status: 'NEW', version: '7', source: SOURCE, updatedAt: '1' },
  unversioned: { status: 'NEW', updatedAt: '1' },
  'of another source': { status: 'NEW', version: '7', source: 'old_orders.rev', updatedAt: '1' },
  'marked by another': { status: 'NEW', version: '7', source: SOURCE, updatedAt: '1', ticket: ticketOfOther },
} as const;
type State = keyof typeof STATES;

const isPlaceholder = (state: State) => state === 'leased' || state === 'known to be absent';

let count = 0;
async function given(state: State): Promise<string> {
  count += 1;
  const orderId = `O${count}`;
  const fields: Record<string, string> = STATES[state];
  if (state === 'absent') return orderId;
  await redis.multi().hset(world.key(orderId), fields).pexpire(world.key(orderId), TTL_MS).exec();
  return orderId;
}

/** Nothing has changed, the time to live included. */
async function assertAsIt(orderId: string, state: State): Promise<void> {
  assert.deepEqual(await world.hash(orderId), STATES[state]);
  if (state !== 'absent') assert.ok((await redis.pttl(world.key(orderId))) > TTL_MS - 5000);
}

async function assertGone(orderId: string): Promise<void> {
  assert.equal(await redis.exists(world.key(orderId)), 0);
}

const states = Object.keys(STATES) as State[];
const expectations: Record<string, AppliedOrder['expected']> = {
  none: null,
  'the same': { status: 'NEW', version: '7' },
  'another version': { status: 'NEW', version: '8' },
  'a version that a float takes for the same': { status: 'NEW', version: '7.0' },
  'another status': { status: 'DELIVERED', version: '7' },
};

for (const state of states) {
  for (const [name, expected] of Object.entries(expectations)) {
    test(`drop, events say ${name}: ${state}`, async () => {
      const orderId = await given(state);
      const { outcomes } = await cache.apply('drop', [{ orderId, expected }]);
      const says7 = state === 'record' || state === 'marked by another';
      if (state === 'absent' || (says7 && name === 'the same')) {
        assert.deepEqual(outcomes, [{ kind: state === 'absent' ? 'absent' : 'unchanged' }]);
        await assertAsIt(orderId, state);
      } else {
        assert.deepEqual(outcomes, [{ kind: isPlaceholder(state) ? 'voided' : 'dropped' }]);
        await assertGone(orderId);
      }
    });
  }

  test(`mark: ${state}`, async () => {
    const orderId = await given(state);
    const { ticket, outcomes } = await cache.apply('mark', [{ orderId, expected: null }]);
    const fields: Record<string, string> = STATES[state];
    if (state === 'absent') {
      assert.deepEqual(outcomes, [{ kind: 'absent' }]);
      await assertAsIt(orderId, state);
    } else if (isPlaceholder(state)) {
      assert.deepEqual(outcomes, [{ kind: 'voided' }]);
      await assertGone(orderId);
    } else {
      assert.deepEqual(outcomes, [{ kind: 'marked' }]);
      assert.deepEqual(await world.hash(orderId), { ...fields, ticket });
      assert.ok((await redis.pttl(world.key(orderId))) > TTL_MS - 5000);
    }
  });

  test(`lease: ${state}`, async () => {
    const orderId = await given(state);
    const outcome = await cache.lease(orderId, LEASE_MS);
    if (state === 'absent') {
      assert.equal(outcome.kind, 'granted');
      assert.deepEqual(Object.keys(await world.hash(orderId)), ['lease']);
      const ttl = await redis.pttl(world.key(orderId));
      assert.ok(ttl > LEASE_MS - 5000 && ttl <= LEASE_MS);
    } else {
      const kinds: Partial<Record<State, string>> = { leased: 'held', 'known to be absent': 'knownAbsent' };
      assert.equal(outcome.kind, kinds[state] ?? 'found');
      await assertAsIt(orderId, state);
    }
  });

  for (const token of ['a-reader', 'a-late-reader']) {
    const stands = state === 'leased' && token === 'a-reader';
    test(`fill by ${token}: ${state}`, async () => {
      const orderId = await given(state);
      const row = { status: 'DELIVERED', version: '9' };
      const outcome = await cache.fill(orderId, token, row, TABLE);
      assert.deepEqual(outcome, { kind: stands ? 'filled' : 'fenced' });
      if (stands) await assertWritten(orderId, row);
      else await assertAsIt(orderId, state);
    });

    test(`fill with an absence by ${token}: ${state}`, async () => {
      const orderId = await given(state);
      const outcome = await cache.fillAbsent(orderId, token, 60);
      assert.deepEqual(outcome, { kind: stands ? 'filledAbsent' : 'fenced' });
      if (!stands) return assertAsIt(orderId, state);
      assert.deepEqual(await world.hash(orderId), STATES['known to be absent']);
      const ttl = await redis.pttl(world.key(orderId));
      assert.ok(ttl > 55_000 && ttl <= 60_000);
    });

    test(`release by ${token}: ${state}`, async () => {
      const orderId = await given(state);
      const outcome = await cache.release(orderId, token);
      assert.deepEqual(outcome, { kind: stands ? 'released' : 'fenced' });
      if (stands) await assertGone(orderId);
      else await assertAsIt(orderId, state);
    });
  }
}

/** The record equals the row, has its status' TTL with jitter, a fresh time by Redis' clock, and no token. */
async function assertWritten(orderId: string, { status, version }: Row): Promise<void> {
  const { updatedAt, ...rest } = await world.hash(orderId);
  assert.deepEqual(rest, version === null ? { status } : { status, version, source: SOURCE });
  const [seconds] = await redis.time();
  assert.ok(Math.abs(Number(updatedAt) - Number(seconds) * 1000) < 5000);
  const declared = status === 'DELIVERED' ? 600_000 : 3_600_000;
  const ttl = await redis.pttl(world.key(orderId));
  assert.ok(ttl > declared * 0.9 - 5000 && ttl <= declared);
}

const ROWS: Record<string, Row | null> = {
  'no row': null,
  'the same row': { status: 'NEW', version: '7' },
  'a newer row': { status: 'DELIVERED', version: '10' },
  'an older row': { status: 'CREATED', version: '3' },
  'a row without a version': { status: 'DELIVERED', version: null },
  'the same status without a version': { status: 'NEW', version: null },
};

for (const [what, row] of Object.entries(ROWS)) {
  for (const state of states) {
    test(`settle without having marked, ${what}: ${state}`, async () => {
      const orderId = await given(state);
      const outcomes = await cache.settle('my-ticket', TABLE, [{ orderId, row }]);
      const {
        status,
        version = null,
        source,
      }: Record<string, string> & { version?: string | null } = STATES[state];
      const equal =
        row?.status === status && row?.version === version && (version === null || source === SOURCE);
      if (state === 'absent') assert.deepEqual(outcomes, [{ kind: 'absent' }]);
      else if (equal) assert.deepEqual(outcomes, [{ kind: 'unchanged' }]);
      else {
        const because = row === null && !isPlaceholder(state) ? 'NoRow' : 'Fenced';
        assert.deepEqual(outcomes, [{ kind: 'dropped', because }]);
        return assertGone(orderId);
      }
      await assertAsIt(orderId, state);
    });
  }

  for (const state of ['record', 'unversioned', 'of another source'] as const) {
    for (const table of [TABLE, null]) {
      test(`settle with the ticket, ${table ? 'with' : 'without'} a TTL table, ${what}: ${state}`, async () => {
        const orderId = await given(state);
        const ticket = await mark(orderId);
        const outcomes = await cache.settle(ticket, table, [{ orderId, row }]);
        const {
          status,
          version = null,
          source,
        }: Record<string, string> & { version?: string | null } = STATES[state];
        const equal =
          row?.status === status && row?.version === version && (version === null || source === SOURCE);
        if (row === null) assert.deepEqual(outcomes, [{ kind: 'dropped', because: 'NoRow' }]);
        else if (equal) {
          assert.deepEqual(outcomes, [{ kind: 'unchanged' }]);
          return assertAsIt(orderId, state);
        } else if (table !== null) {
          assert.deepEqual(outcomes, [{ kind: 'updated' }]);
          return assertWritten(orderId, row);
        } else assert.deepEqual(outcomes, [{ kind: 'dropped', because: 'NoTtlTable' }]);
        await assertGone(orderId);
      });
    }
  }
}

async function mark(orderId: string): Promise<string> {
  return (await cache.apply('mark', [{ orderId, expected: null }])).ticket;
}

test('settling once more with the same ticket and row changes nothing', async () => {
  const orderId = await given('record');
  const ticket = await mark(orderId);
  const order = { orderId, row: { status: 'DELIVERED', version: '8' } };
  assert.deepEqual(await cache.settle(ticket, TABLE, [order]), [{ kind: 'updated' }]);
  const written = await world.hash(orderId);
  assert.deepEqual(await cache.settle(ticket, TABLE, [order]), [{ kind: 'unchanged' }]);
  assert.deepEqual(await world.hash(orderId), written);
});

test('a thousand orders in one call keep their order and their own outcomes', async () => {
  const kinds: State[] = ['absent', 'leased', 'record'];
  const orderIds = await Promise.all(Array.from({ length: 1000 }, (_, i) => given(kinds[i % 3] ?? 'absent')));
  const orders = orderIds.map((orderId) => ({ orderId, expected: null }));
  const { ticket, outcomes } = await cache.apply('mark', orders);
  const expected = ['absent', 'voided', 'marked'];
  assert.deepEqual(
    outcomes.map((outcome) => outcome.kind),
    orderIds.map((_, i) => expected[i % 3]),
  );
  const rows = orderIds.map((orderId, i) => ({ orderId, row: { status: `S${i}`, version: String(i) } }));
  const settled = await cache.settle(ticket, TABLE, rows);
  assert.equal(settled.filter((outcome) => outcome.kind === 'updated').length, 333);
  assert.equal(await redis.hget(world.key(orderIds[2] ?? ''), 'status'), 'S2');
  assert.equal(await redis.hget(world.key(orderIds[998] ?? ''), 'status'), 'S998');
});

test('no orders, no outcomes', async () => {
  assert.deepEqual((await cache.apply('mark', [])).outcomes, []);
  assert.deepEqual(await cache.settle('ticket', TABLE, []), []);
});

test('a status with any characters comes back as it was', async () => {
  const orderId = await given('record');
  const status = 'Versandbereit – 出荷準備 "\\\r\n\u0000✓';
  const ticket = await mark(orderId);
  await cache.settle(ticket, TABLE, [{ orderId, row: { status, version: '8' } }]);
  assert.deepEqual(await cache.get(orderId), { status, version: '8', source: SOURCE });
});

test('versions beyond what a float holds are told apart', async () => {
  const orderId = await given('absent');
  const long = '123456789012345678901234567890';
  await redis.hset(world.key(orderId), { status: 'NEW', version: long, source: SOURCE });
  const expected = { status: 'NEW', version: `${long.slice(0, -1)}1` };
  assert.deepEqual((await cache.apply('drop', [{ orderId, expected }])).outcomes, [{ kind: 'dropped' }]);
});

for (const mode of ['mark', 'drop'] as const satisfies readonly ApplyMode[]) {
  test(`a key that is no hash is not ours and stays: ${mode}`, async () => {
    const orderId = await given('absent');
    await redis.set(world.key(orderId), 'of somebody else');
    const { ticket, outcomes } = await cache.apply(mode, [{ orderId, expected: null }]);
    assert.deepEqual(outcomes, [{ kind: 'absent' }]);
    assert.deepEqual(await cache.settle(ticket, TABLE, [{ orderId, row: null }]), [{ kind: 'absent' }]);
    assert.deepEqual(await cache.lease(orderId, LEASE_MS), { kind: 'refused' });
    assert.deepEqual(await cache.fill(orderId, 't', { status: 'NEW', version: null }, TABLE), {
      kind: 'fenced',
    });
    assert.equal(await redis.get(world.key(orderId)), 'of somebody else');
  });
}
