import { compareOrders } from '../../maintenance/compare.ts';
import { handle } from '../../worker/handle.ts';
import { Turns } from '../../worker/turns.ts';
import { Actor, pause } from './actors.ts';
import type { Play } from './interleavings.ts';
import type { Change, Order } from './order.ts';
import { type Policy, type Stage, TABLE } from './stage.ts';

/** Bounded situations. Each step of each actor is one exchange with Redis or PostgreSQL. */
export interface Scenario {
  readonly name: string;
  /** The row before; null: no such order. */
  readonly row: Change | null;
  /** Whether the row is in the cache before. */
  readonly cached: boolean;
  /** Where workers write the row: what it says in the end. */
  readonly winner?: string;
  /** The version of an event is never seen: rolled back, or overtaken by a lower one. */
  readonly waitsInVain?: boolean;
  readonly actors: (on: Cast) => readonly Actor[];
}

/** Makes the actors of one schedule. */
export class Cast {
  readonly #stage: Stage;
  readonly #order: Order;
  readonly #lane: number;

  constructor(stage: Stage, order: Order, lane: number) {
    this.#stage = stage;
    this.#order = order;
    this.#lane = lane;
  }

  /** Writes the row in a transaction, and publishes after its commit. `change` null: deletes the order. */
  initiator(name: string, changes: readonly (Change | null)[]): Actor {
    return new Actor(name, async () => {
      for (const change of changes) {
        await this.#transaction(change, async (commit) => {
          await pause('commit');
          await commit();
        });
        await pause('publish');
        this.#order.publish(change ?? { status: 'GONE', version: 99 });
      }
    });
  }

  /** Publishes while its transaction is open; then commits, or not. */
  hastyInitiator(name: string, change: Change, end: 'COMMIT' | 'ROLLBACK' = 'COMMIT'): Actor {
    return new Actor(name, () =>
      this.#transaction(change, async (commit, rollback) => {
        await pause('publish');
        this.#order.publish(change);
        await pause(end.toLowerCase());
        await (end === 'COMMIT' ? commit() : rollback());
      }),
    );
  }

  /** Only tells the worker, which writes the row. */
  announcer(name: string, changes: readonly Change[]): Actor {
    return new Actor(name, async () => {
      for (const change of changes) {
        await pause('publish');
        this.#order.publish(change);
      }
    });
  }

  /** One process; `lanes` batches of it may be under way at a time. */
  workers(name: string, policy: Policy, lanes = 1): Actor[] {
    const order = this.#order;
    const worker = this.#stage.worker(policy, order, new Turns());
    const body = async () => {
      for (;;) {
        await pause('take', () => order.hasMessages);
        await handle(order.take(), worker);
      }
    };
    return Array.from({ length: lanes }, (_, lane) => new Actor(`${name}${lanes > 1 ? lane : ''}`, body));
  }

  reader(name: string, index = 0): Actor {
    const reader = this.#stage.reader(2 * this.#lane + index);
    return new Actor(name, async () => {
      await pause('look');
      await reader.get(this.#order.orderId);
    });
  }

  expiry(): Actor {
    return new Actor('expiry', async () => {
      await pause('expire');
      await this.#stage.remove(this.#order.orderId);
    });
  }

  /** As the maintenance pod takes a key through the protocol. */
  catchUp(strategy: Policy['strategy']): Actor {
    const { cache } = this.#stage;
    const database = this.#stage.table;
    return new Actor('catch-up', async () => {
      await compareOrders([this.#order.orderId], { cache, database, strategy, ttl: TABLE });
    });
  }

  async #transaction(
    change: Change | null,
    body: (commit: () => Promise<void>, rollback: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const order = this.#order;
    await pause('write', () => !order.rowLocked);
    order.transactions += 1;
    order.rowLocked = true;
    const client = await this.#stage.pool.connect();
    const end = async (how: string) => {
      await client.query(how);
      order.rowLocked = false;
      order.transactions -= 1;
    };
    try {
      await client.query('BEGIN');
      await client.query(...writing(order.orderId, change));
      await body(
        () => end('COMMIT'),
        () => end('ROLLBACK'),
      );
    } finally {
      client.release(order.rowLocked);
    }
  }
}

function writing(orderId: string, change: Change | null): [string, unknown[]] {
  if (change === null) return ['DELETE FROM orders WHERE id = $1', [orderId]];
  const upsert = `INSERT INTO orders VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version`;
  return [upsert, [orderId, change.status, change.version]];
}

const OLD: Change = { status: 'OLD', version: 1 };
const NEW: Change = { status: 'NEW', version: 2 };
const NEWER: Change = { status: 'NEWER', version: 3 };

const through = (strategy: Policy['strategy'], versioned = false): Policy => ({ strategy, versioned });
const WRITE = through('WriteThrough');
const READ = through('ReadThrough');
const VERSIONED = through('WriteThrough', true);

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'published after its commit, the order cached',
    row: OLD,
    cached: true,
    actors: (on) => [
      on.initiator('MES', [NEW]),
      ...on.workers('worker', WRITE),
      on.expiry(),
      on.reader('reader'),
    ],
  },
  {
    name: 'published after its commit, the order absent',
    row: OLD,
    cached: false,
    actors: (on) => [on.initiator('MES', [NEW]), ...on.workers('worker', WRITE), on.reader('reader')],
  },
  {
    name: 'published before its commit',
    row: OLD,
    cached: false,
    actors: (on) => [on.hastyInitiator('MES', NEW), ...on.workers('worker', VERSIONED), on.reader('reader')],
  },
  {
    name: 'published before its commit, ReadThrough',
    row: OLD,
    cached: true,
    actors: (on) => [
      on.hastyInitiator('MES', NEW),
      ...on.workers('worker', through('ReadThrough', true)),
      on.reader('reader'),
    ],
  },
  {
    name: 'published and rolled back',
    waitsInVain: true,
    row: OLD,
    cached: true,
    actors: (on) => [
      on.hastyInitiator('MES', NEW, 'ROLLBACK'),
      ...on.workers('worker', VERSIONED),
      on.reader('reader'),
    ],
  },
  {
    name: 'ReadThrough without a database',
    row: OLD,
    cached: false,
    actors: (on) => [
      on.initiator('MES', [NEW]),
      ...on.workers('worker', { strategy: 'ReadThrough', writer: 'None' }),
      on.reader('reader'),
      on.reader('other reader', 1),
    ],
  },
  {
    name: 'two workers, two changes',
    row: OLD,
    cached: true,
    actors: (on) => [
      on.initiator('MES', [NEW, NEWER]),
      ...on.workers('worker', WRITE),
      ...on.workers('other worker', WRITE),
    ],
  },
  {
    name: 'two batches of one worker, two changes',
    row: OLD,
    cached: true,
    actors: (on) => [on.initiator('MES', [NEW, NEWER]), ...on.workers('worker', WRITE, 2)],
  },
  {
    name: 'two initiators whose versions do not follow their commits',
    waitsInVain: true,
    row: OLD,
    cached: true,
    actors: (on) => [
      on.initiator('MES', [NEW]),
      on.initiator('CRM', [NEWER]),
      ...on.workers('worker', VERSIONED),
      on.reader('reader'),
    ],
  },
  {
    name: 'deleted, and made again with a low version',
    row: { status: 'OLD', version: 7 },
    cached: true,
    actors: (on) => [on.initiator('MES', [null, NEW]), ...on.workers('worker', WRITE), on.reader('reader')],
  },
  {
    name: 'made while a reader finds no such order',
    row: null,
    cached: false,
    actors: (on) => [
      on.initiator('MES', [NEW]),
      ...on.workers('worker', WRITE),
      on.reader('reader'),
      on.reader('other reader', 1),
    ],
  },
  {
    name: 'made, and published before its commit',
    row: null,
    cached: false,
    actors: (on) => [on.hastyInitiator('MES', NEW), ...on.workers('worker', VERSIONED), on.reader('reader')],
  },
  {
    name: 'workers of both strategies at once',
    row: OLD,
    cached: true,
    actors: (on) => [
      on.initiator('MES', [NEW, NEWER]),
      ...on.workers('old worker', READ),
      ...on.workers('new worker', WRITE),
      on.reader('reader'),
    ],
  },
  {
    name: 'the worker writes the row',
    row: OLD,
    cached: true,
    winner: NEWER.status,
    actors: (on) => [
      on.announcer('MES', [NEW]),
      on.announcer('CRM', [NEWER]),
      ...on.workers('worker', { ...WRITE, writer: 'Worker' }),
      ...on.workers('other worker', { ...WRITE, writer: 'Worker' }),
      on.reader('reader'),
    ],
  },
  {
    name: 'the worker writes the row by its version, ReadThrough',
    row: OLD,
    cached: false,
    winner: NEWER.status,
    actors: (on) => [
      on.announcer('MES', [NEWER, NEW]),
      ...on.workers('worker', { strategy: 'ReadThrough', versioned: true, writer: 'Worker' }),
      on.reader('reader'),
    ],
  },
  {
    name: 'catch-up beside a worker and a reader',
    row: OLD,
    cached: true,
    actors: (on) => [
      on.initiator('MES', [NEW]),
      ...on.workers('worker', WRITE),
      on.catchUp('WriteThrough'),
      on.reader('reader'),
    ],
  },
];

let schedules = 0;

/** One schedule of a scenario, ready to begin, with an order of its own. */
export async function openSchedule(
  scenario: Scenario,
  stage: Stage,
  lane: number,
  newOrder: (orderId: string) => Order,
): Promise<Play> {
  schedules += 1;
  const order = newOrder(`S${schedules}`);
  const { row, cached, waitsInVain = false } = scenario;
  order.waitsInVain = waitsInVain;
  if (row !== null) {
    await stage.pool.query(...writing(order.orderId, row));
    order.history.push(row.status);
    if (cached) await stage.reader(2 * lane).get(order.orderId);
  }
  return new Schedule(stage, order, scenario.actors(new Cast(stage, order, lane)), scenario.winner);
}

class Schedule implements Play {
  readonly actors: readonly Actor[];
  readonly #stage: Stage;
  readonly #order: Order;
  readonly #winner: string | undefined;
  #seen: string | undefined;

  constructor(stage: Stage, order: Order, actors: readonly Actor[], winner?: string) {
    this.#winner = winner;
    this.#stage = stage;
    this.#order = order;
    this.actors = actors;
    this.#seen = order.history[0];
  }

  async check(actor: Actor): Promise<string | null> {
    const order = this.#order;
    if (actor.step === 'commit' || actor.step === 'write') await this.#remember();
    const { status } = await this.#stage.look(order.orderId);
    const before = this.#seen;
    this.#seen = status;
    const [now, then] = [status, before].map((each) => order.history.lastIndexOf(each ?? ''));
    if (status !== undefined && now === -1) return `the cache says ${status}, which was never committed`;
    if (before !== undefined && status !== undefined && Number(now) < Number(then))
      return `C2: ${before} was replaced by the older ${status}`;
    const byEvent = ['apply', 'settle', 'read', 'take'].includes(actor.step);
    if (before === undefined && status !== undefined && byEvent) return 'C3: an event has created a record';
    return order.violation;
  }

  /** C1. */
  async checkEnd(): Promise<string | null> {
    const order = this.#order;
    const row = await this.#row();
    const { status, lease } = await this.#stage.look(order.orderId);
    if (this.#winner !== undefined && row !== this.#winner) return `the row says ${row}, an older event won`;
    if (status !== undefined && status !== row) return `C1: the cache says ${status}, the row ${row}`;
    if (lease === 'absent' && row !== undefined) return `C1: the cache says absent, the row ${row}`;
    if (order.unacknowledged > 0 || order.hasMessages) return 'an event was not finished';
    return order.violation;
  }

  async close(): Promise<void> {
    this.#order.forget();
    await this.#stage.remove(this.#order.orderId);
    await this.#stage.pool.query('DELETE FROM orders WHERE id = $1', [this.#order.orderId]);
  }

  async #remember(): Promise<void> {
    const row = await this.#row();
    const { history } = this.#order;
    if (row !== undefined && row !== history.at(-1)) history.push(row);
  }

  async #row(): Promise<string | undefined> {
    const select = 'SELECT status FROM orders WHERE id = $1';
    const { rows } = await this.#stage.pool.query<{ status: string }>(select, [this.#order.orderId]);
    return rows[0]?.status;
  }
}
