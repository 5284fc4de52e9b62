import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisConnection } from '../../cache/connect.ts';
import { orderKey } from '../../cache/keys.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import type { Row, VersionedRow } from '../../cache/record.ts';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { ORDERS, type Says, SOURCES, type Step } from './commands.ts';
import { type Entry, type Life, Twin } from './twin.ts';

const TABLE: TtlTable = {
  state: 'Active',
  owner: 'test/shop/orders',
  uid: 'uid-1',
  revision: 1,
  defaultSeconds: 3600,
  jitterPercent: 10,
  absentSeconds: 20,
  statuses: { DELIVERED: 600 },
  versionSource: null,
};
const LIFE: NonNullable<Life> = (status) => (status === 'DELIVERED' ? 600_000 : 3_600_000);
const LEASE_MS = 60_000;
/** What a run may take of a TTL before it is read. */
const SLACK_MS = 30_000;

/** The Redis that the sequences play on. */
export interface Ground {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
  /** Lets Redis take memory, or not. */
  readonly setMemory: (available: boolean) => Promise<unknown>;
}

let plays = 0;

/**
 * One sequence on real Redis and on the twin, with orders of its own: each outcome, what each touched key holds
 * afterwards and how long it lives must be the same.
 */
export class Play {
  readonly twin = new Twin();
  readonly #ground: Ground;
  readonly #caches: ReadonlyMap<string | null, OrderCache>;
  readonly #name: string;
  readonly #leases: { readonly order: string; readonly token: string }[] = [];
  readonly #tickets: string[] = [];
  /** When the record of an order was written, as Redis says, and by which write. */
  readonly #written = new Map<string, { readonly writes: number; readonly updatedAt: string }>();

  constructor(ground: Ground) {
    plays += 1;
    this.#name = plays.toString(36);
    this.#ground = ground;
    const { connection, keyPrefix } = ground;
    const cacheFor = (versionSource: string | null) =>
      new OrderCache(connection, { keyPrefix, versionSource });
    this.#caches = new Map(SOURCES.map((source) => [source, cacheFor(source)]));
  }

  async perform(step: Step): Promise<void> {
    const { touched, outcome, expected } = this.#begin(step);
    // The keys are read in the same breath: on one connection Redis answers in order.
    const [real, entries] = await Promise.all([outcome, this.#look(touched)]);
    const wanted = expected(real);
    if (wanted !== undefined) assert.deepEqual(real, wanted);
    for (const [index, order] of touched.entries()) this.#compare(order, entries[index]);
  }

  /** All orders, at the end. */
  async compareAll(): Promise<void> {
    const found = await this.#look(ORDERS);
    for (const [index, order] of ORDERS.entries()) this.#compare(order, found[index]);
  }

  async clear(): Promise<void> {
    if (!this.twin.memory) await this.#ground.setMemory(true);
    await Promise.all(
      ORDERS.map((order) => this.#ground.connection.run((client) => client.del(this.#key(order)))),
    );
  }

  /** Sends the command; `expected` plays it on the twin when the outcome, with a token perhaps, is there. */
  #begin(step: Step): Begun {
    const cache = this.#caches.get(step.source);
    assert.ok(cache);
    const { source } = step;
    const table = { ...TABLE, versionSource: source };
    switch (step.do) {
      case 'lease':
        return this.#lease(step, cache);
      case 'look': {
        const { orders } = step;
        const outcome = cache.lookMany(orders.map((order) => this.#id(order)));
        return { touched: [], outcome, expected: () => orders.map((order) => this.twin.look(order)) };
      }
      case 'fill': {
        const { order, row } = step;
        const token = this.#leaseOf(step);
        const outcome = cache.fill(this.#id(order), token, row, table);
        return one(order, outcome, () => this.twin.fill(order, token, row, source, LIFE));
      }
      case 'read':
        return this.#read(step, cache, table);
      case 'fillAbsent': {
        const { order } = step;
        const token = this.#leaseOf(step);
        const outcome = cache.fillAbsent(this.#id(order), token, TABLE.absentSeconds);
        return one(order, outcome, () => this.twin.fillAbsent(order, token, TABLE.absentSeconds * 1000));
      }
      case 'release': {
        const token = this.#leaseOf(step);
        const outcome = cache.release(this.#id(step.order), token);
        return one(step.order, outcome, () => this.twin.release(step.order, token));
      }
      case 'mark':
        return this.#mark(step.orders, cache);
      case 'drop': {
        const { orders } = step;
        const events = orders.map(({ order, says }) => ({
          order,
          expected: versioned(this.#resolve(order, says)),
        }));
        const applied = events.map(({ order, expected }) => ({ orderId: this.#id(order), expected }));
        const outcome = cache.apply('drop', applied).then(({ outcomes }) => outcomes);
        const expected = () =>
          this.twin.call(() => events.map((event) => this.twin.drop(event.order, event.expected, source)));
        return { touched: orders.map(({ order }) => order), outcome, expected };
      }
      case 'settle':
        return this.#settle(step, cache, step.mayWrite ? table : null);
      default:
        return this.#happen(step);
    }
  }

  #lease({ order, runsOut }: Step & { do: 'lease' }, cache: OrderCache): Begun {
    const lifeMs = runsOut ? 1 : LEASE_MS;
    const outcome = cache.lease(this.#id(order), lifeMs);
    const expected = (real: unknown) => {
      const token = tokenOf(real);
      if (token !== undefined) this.#leases.unshift({ order, token });
      const wanted = this.twin.lease(order, token ?? 'none was given', lifeMs);
      return wanted.kind === 'granted' ? { ...wanted, token } : wanted;
    };
    if (!runsOut) return { touched: [order], outcome, expected };
    const ranOut = outcome.then((real) => sleep(3, real));
    const expectedNow = (real: unknown) => {
      const wanted = expected(real);
      if (wanted.kind === 'granted') this.twin.vanish(order);
      return wanted;
    };
    return { touched: [], outcome: ranOut, expected: expectedNow };
  }

  #read({ order, row, source }: Step & { do: 'read' }, cache: OrderCache, table: TtlTable): Begun {
    const outcome = cache.lease(this.#id(order), LEASE_MS).then(async (lease) => {
      const token = lease.kind === 'granted' ? lease.token : undefined;
      const fill = token === undefined ? undefined : await cache.fill(this.#id(order), token, row, table);
      return [token, lease.kind, fill?.kind];
    });
    const expected = (real: unknown) => {
      const [token] = real as [string | undefined];
      const lease = this.twin.lease(order, token ?? 'none was given', LEASE_MS);
      const fill = token && this.twin.fill(order, token, row, source, LIFE);
      return [token, lease.kind, fill ? fill.kind : undefined];
    };
    return { touched: [], outcome, expected };
  }

  #mark(orders: readonly string[], cache: OrderCache): Begun {
    const applied = orders.map((order) => ({ orderId: this.#id(order), expected: null }));
    let ticket = '';
    const outcome = cache.apply('mark', applied).then((result) => {
      ticket = result.ticket;
      return result.outcomes;
    });
    const expected = () => {
      this.#tickets.unshift(ticket);
      return this.twin.call(() => orders.map((order) => this.twin.mark(order, ticket)));
    };
    return { touched: orders, outcome, expected };
  }

  #settle(step: Step & { do: 'settle' }, cache: OrderCache, table: TtlTable | null): Begun {
    const { source } = step;
    const ticket = earlier(this.#tickets, step.earlier);
    const rows = step.orders.map(({ order, says }) => ({ order, row: this.#resolve(order, says) }));
    const settled = rows.map(({ order, row }) => ({ orderId: this.#id(order), row }));
    const life = table === null ? null : LIFE;
    const expected = () =>
      this.twin.call(() => rows.map(({ order, row }) => this.twin.settle(order, ticket, row, source, life)));
    return {
      touched: rows.map(({ order }) => order),
      outcome: cache.settle(ticket, table, settled),
      expected,
    };
  }

  /** A token of the order, or else one that is not its own. */
  #leaseOf({ order, earlier: which }: { order: string; earlier: number }): string {
    const own = this.#leases.filter((lease) => lease.order === order)[which];
    return own?.token ?? this.#leases[0]?.token ?? 'never given';
  }

  #resolve(order: string, says: Says): Row | null {
    if (typeof says !== 'string') return says;
    const entry = this.twin.entries.get(order);
    const { status, version } = entry?.kind === 'record' ? entry.record : { status: 'NEW', version: '1' };
    return { status: says === 'the same' ? status : `not ${status}`, version };
  }

  /** Not the protocol: time, Redis, and others. */
  #happen(step: Step & { do: 'expire' | 'evict' | 'replaceByForeign' | 'memory' }): Begun {
    const { run } = this.#ground.connection;
    if (step.do === 'memory') {
      this.twin.memory = step.available;
      return { touched: [], outcome: this.#ground.setMemory(step.available), expected: nothing };
    }
    const key = this.#key(step.order);
    if (step.do === 'replaceByForeign') {
      if (!this.twin.memory) return { touched: [step.order], outcome: Promise.resolve(), expected: nothing };
      this.twin.replaceByForeign(step.order);
      return one(
        step.order,
        run((client) => client.set(key, 'not ours', 'PX', LEASE_MS)),
        nothing,
      );
    }
    this.twin.vanish(step.order);
    if (step.do === 'evict')
      return one(
        step.order,
        run((client) => client.del(key)),
        nothing,
      );
    const expiring = run((client) => client.pexpire(key, 1)).then(() => sleep(3));
    return { touched: [], outcome: expiring, expected: nothing };
  }

  /** One pipeline, or one for each order where they are at different masters. */
  async #look(orders: readonly string[]): Promise<readonly Found[]> {
    const { kind, run } = this.#ground.connection;
    if (orders.length === 0) return [];
    if (kind === 'Cluster' && orders.length > 1)
      return (await Promise.all(orders.map((order) => this.#look([order])))).flat();
    const replies = await run((client) => {
      const pipeline = client.pipeline();
      for (const order of orders) pipeline.hgetall(this.#key(order)).pttl(this.#key(order));
      return pipeline.exec();
    });
    return orders.map((_, index) => {
      const [error, hash] = replies?.[2 * index] ?? [];
      const [, lifeMs] = replies?.[2 * index + 1] ?? [];
      const fields = error ? (error.message.split(' ')[0] ?? '') : (hash as Record<string, string>);
      return { hash: fields, lifeMs: Number(lifeMs) };
    });
  }

  #compare(order: string, found: Found | undefined): void {
    assert.ok(found);
    const entry = this.twin.entries.get(order);
    const { updatedAt, ...fields } = typeof found.hash === 'object' ? found.hash : { updatedAt: undefined };
    assert.deepEqual(typeof found.hash === 'object' ? fields : found.hash, fieldsOf(entry), order);
    const longest = entry === undefined ? -2 : entry.kind === 'foreign' ? LEASE_MS : entry.lifeMs;
    const shortest = entry === undefined ? -2 : longest * 0.9 - SLACK_MS;
    assert.ok(
      found.lifeMs <= longest && found.lifeMs >= Math.max(shortest, entry === undefined ? -2 : 0),
      `${order} lives for ${found.lifeMs} ms, expected ${shortest} to ${longest}`,
    );
    if (entry?.kind === 'record') this.#compareTime(order, entry.writes, updatedAt);
    else assert.equal(updatedAt, undefined);
  }

  #compareTime(order: string, writes: number, updatedAt: string | undefined): void {
    assert.ok(Math.abs(Number(updatedAt) - Date.now()) < SLACK_MS, `${order} was written at ${updatedAt}`);
    const before = this.#written.get(order);
    if (before?.writes === writes) assert.equal(updatedAt, before.updatedAt);
    this.#written.set(order, { writes, updatedAt: String(updatedAt) });
  }

  #id(order: string): string {
    return `${order}${this.#name}`;
  }

  #key(order: string): string {
    return orderKey(this.#ground.keyPrefix, this.#id(order));
  }
}

interface Begun {
  readonly touched: readonly string[];
  readonly outcome: Promise<unknown>;
  readonly expected: (real: unknown) => unknown;
}

interface Found {
  readonly hash: Record<string, string> | string;
  readonly lifeMs: number;
}

const nothing = () => undefined;

function one(order: string, outcome: Promise<unknown>, expected: () => unknown): Begun {
  return { touched: [order], outcome, expected };
}

function versioned(row: Row | null): VersionedRow | null {
  return row?.version == null ? null : { status: row.status, version: row.version };
}

function earlier(tokens: readonly string[], which: number): string {
  return tokens[which] ?? 'never given';
}

function tokenOf(outcome: unknown): string | undefined {
  if (typeof outcome !== 'object' || outcome === null || !('token' in outcome)) return undefined;
  return String(outcome.token);
}

/** What HGETALL says of such an entry, apart from `updatedAt`. */
function fieldsOf(entry: Entry | undefined): unknown {
  if (entry === undefined) return {};
  if (entry.kind === 'foreign') return 'WRONGTYPE';
  if (entry.kind === 'placeholder') return { lease: entry.lease };
  const { ticket, record } = entry;
  const { status, version, source } = record;
  // A version of no known source is written with an empty one, which is comparable with nothing.
  const versioned = version === null ? {} : { version, source: source ?? '' };
  return { status, ...versioned, ...(ticket !== null && { ticket }) };
}
