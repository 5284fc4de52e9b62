import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { Row, VersionedRow } from '../../cache/record.ts';
import { CacheTwin, type Entry } from './cache-twin.ts';
import { type CacheWorld, cacheWorld, SOURCE, TABLE } from './cache-world.ts';

/** Sequences of commands; each holds up to 12. `ORDERCACHE_MODEL_RUNS` and `ORDERCACHE_MODEL_SEED` change them. */
const RUNS = Number(process.env.ORDERCACHE_MODEL_RUNS ?? 1000);
const SEED = Number(process.env.ORDERCACHE_MODEL_SEED ?? Date.now() % 2 ** 31);

const world = await cacheWorld({ after });

const order = fc.constantFrom('A', 'B');
const version = fc.constantFrom('1', '2', '18446744073709551616', '18446744073709551617');
const status = fc.constantFrom('NEW', 'DELIVERED');
const versionedRow: fc.Arbitrary<VersionedRow> = fc.record({ status, version });
const row: fc.Arbitrary<Row | null> = fc.oneof(
  { weight: 4, arbitrary: versionedRow },
  { weight: 1, arbitrary: fc.record({ status, version: fc.constant(null) }) },
  { weight: 1, arbitrary: fc.constant(null) },
);
/** Which of the tokens given so far a command presents: the last, the one before, ... */
const earlier = fc.nat(3);

type Command =
  | { readonly do: 'lease'; readonly order: string }
  | { readonly do: 'fill'; readonly order: string; readonly earlier: number; readonly row: Row | null }
  | { readonly do: 'fillAbsent'; readonly order: string; readonly earlier: number }
  | { readonly do: 'mark'; readonly orders: readonly string[] }
  | { readonly do: 'drop'; readonly order: string; readonly expected: VersionedRow | null }
  | {
      readonly do: 'settle';
      readonly orders: readonly string[];
      readonly earlier: number;
      readonly row: Row | null;
      readonly mayWrite: boolean;
    }
  | { readonly do: 'expire'; readonly order: string };

const orders = fc.uniqueArray(order, { minLength: 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant('lease' as const), order }),
  fc.record({ do: fc.constant('fill' as const), order, earlier, row }),
  fc.record({ do: fc.constant('fillAbsent' as const), order, earlier }),
  fc.record({ do: fc.constant('mark' as const), orders }),
  fc.record({ do: fc.constant('drop' as const), order, expected: fc.option(versionedRow) }),
  fc.record({ do: fc.constant('settle' as const), orders, earlier, row, mayWrite: fc.boolean() }),
  fc.record({ do: fc.constant('expire' as const), order }),
);

let run = 0;

/** Plays commands on Redis and on the twin; each outcome and all that is left must be the same. */
class Play {
  readonly #twin = new CacheTwin(SOURCE);
  readonly #leases: string[] = [];
  readonly #tickets: string[] = [];
  readonly #run: number;
  readonly #world: CacheWorld;

  constructor(in_: CacheWorld) {
    run += 1;
    this.#run = run;
    this.#world = in_;
  }

  async perform(step: Command): Promise<void> {
    const { cache } = this.#world;
    switch (step.do) {
      case 'lease': {
        const outcome = await cache.lease(this.#id(step.order), 60_000);
        if (outcome.kind === 'granted') this.#leases.unshift(outcome.token);
        const token = outcome.kind === 'granted' ? outcome.token : '';
        const { token: _, ...rest } = { token, ...outcome };
        return assert.deepEqual(rest, this.#twin.lease(step.order, token));
      }
      case 'fill': {
        const token = this.#leases[step.earlier] ?? 'never given';
        const id = this.#id(step.order);
        const outcome = step.row
          ? await cache.fill(id, token, step.row, TABLE)
          : await cache.release(id, token);
        return assert.deepEqual(outcome, this.#twin.fill(step.order, token, step.row));
      }
      case 'fillAbsent': {
        const token = this.#leases[step.earlier] ?? 'never given';
        const outcome = await cache.fillAbsent(this.#id(step.order), token, 60);
        return assert.deepEqual(outcome, this.#twin.fillAbsent(step.order, token));
      }
      case 'mark': {
        const { ticket, outcomes } = await cache.apply('mark', this.#applied(step.orders));
        this.#tickets.unshift(ticket);
        return assert.deepEqual(
          outcomes,
          step.orders.map((name) => this.#twin.mark(name, ticket)),
        );
      }
      case 'drop': {
        const applied = [{ orderId: this.#id(step.order), expected: step.expected }];
        const { outcomes } = await cache.apply('drop', applied);
        return assert.deepEqual(outcomes, [this.#twin.drop(step.order, step.expected)]);
      }
      case 'settle': {
        const ticket = this.#tickets[step.earlier] ?? 'never given';
        const settled = step.orders.map((name) => ({ orderId: this.#id(name), row: step.row }));
        const outcomes = await cache.settle(ticket, step.mayWrite ? TABLE : null, settled);
        const expected = step.orders.map((name) => this.#twin.settle(name, ticket, step.row, step.mayWrite));
        return assert.deepEqual(outcomes, expected);
      }
      case 'expire':
        await this.#world.redis.del(this.#world.key(this.#id(step.order)));
        return this.#twin.expire(step.order);
    }
  }

  async compare(): Promise<void> {
    for (const name of ['A', 'B']) {
      const hash = await this.#world.hash(this.#id(name));
      assert.deepEqual(readEntry(hash), this.#twin.entries.get(name));
    }
  }

  async end(): Promise<void> {
    await this.#world.redis.del(this.#world.key(this.#id('A')), this.#world.key(this.#id('B')));
  }

  #id(name: string): string {
    return `${name}${this.#run}`;
  }

  #applied(names: readonly string[]) {
    return names.map((name) => ({ orderId: this.#id(name), expected: null }));
  }
}

function readEntry(hash: Record<string, string>): Entry | undefined {
  const { status, version = null, source = null, ticket = null, lease, updatedAt, ...others } = hash;
  assert.deepEqual(others, {});
  assert.equal(status === undefined, updatedAt === undefined);
  if (status !== undefined) {
    assert.equal(lease, undefined);
    return { kind: 'record', record: { status, version, source }, ticket };
  }
  return lease === undefined ? undefined : { kind: 'placeholder', lease };
}

test(`the scripts do what the protocol says, in any sequence (seed ${SEED}, ${RUNS} sequences)`, async () => {
  const property = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 12 }), async (commands) => {
    const play = new Play(world);
    try {
      for (const step of commands) await play.perform(step);
      await play.compare();
    } finally {
      await play.end();
    }
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS });
});
