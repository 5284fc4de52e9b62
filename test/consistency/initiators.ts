import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createPublisher, type Publisher } from '../../publisher/index.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import type { History } from './history.ts';
import { orderId, type Random, someOrder } from './random.ts';
import { now } from './time.ts';

/** Changes of one order wait for each other, so that their numbers are in the order of the commits. */
export const CHANGES_SQL = `
CREATE SEQUENCE changes;
CREATE FUNCTION change_order(the_id text, OUT change bigint, OUT new_version bigint) AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(the_id, 0));
  change := nextval('changes');
  INSERT INTO orders VALUES (the_id, 'c' || change, 1)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = orders.version + 1
    RETURNING version INTO new_version;
END $$ LANGUAGE plpgsql;
CREATE FUNCTION delete_order(the_id text, OUT change bigint, OUT new_version bigint) AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(the_id, 0));
  change := nextval('changes');
  DELETE FROM orders WHERE id = the_id;
  new_version := NULL;
END $$ LANGUAGE plpgsql`;

/** What happens in one transaction and how its event is sent. */
interface Manner {
  readonly deletes: boolean;
  readonly rollsBack: boolean;
  readonly versioned: boolean;
  /** The event is on its way before the row is visible; it has a version then, as it must. */
  readonly publishesFirst: boolean;
  /** In milliseconds after the commit. */
  readonly delay: number;
  readonly twice: boolean;
}

/** Has versions; publishes as often before its commit as after, and sometimes rolls back what it has published. */
function mesManner(random: Random): Manner {
  const publishesFirst = random() < 0.5;
  const rollsBack = random() < 0.02;
  return { deletes: false, rollsBack, versioned: true, publishesFirst, delay: 0, twice: random() < 0.02 };
}

/** Has no versions, so it publishes after its commit; late, so that its events overtake each other. It deletes orders too. */
function crmManner(random: Random): Manner {
  const delay = random() < 0.3 ? random() * 300 : 0;
  const deletes = random() < 0.02;
  return {
    deletes,
    rollsBack: false,
    versioned: false,
    publishesFirst: false,
    delay,
    twice: random() < 0.02,
  };
}

export interface InitiatorsOptions {
  readonly databaseUri: string;
  readonly amqpUri: string;
  readonly queue: string;
  readonly orders: number;
  readonly changesPerSecond: number;
  readonly seed: number;
}

/** MES and CRM: two programs that change the same orders and do not know of each other. */
export class Initiators {
  readonly #options: InitiatorsOptions;
  readonly #history: History;
  readonly #pool: pg.Pool;
  readonly #publishers: readonly Publisher[];
  readonly #stop = new AbortController();
  readonly #late = new Set<Promise<unknown>>();
  readonly #running: Promise<unknown>[] = [];
  /** Changes whose event the broker has confirmed, rolled back ones among them. */
  readonly published = new Set<number>();
  failures = 0;

  constructor(options: InitiatorsOptions, history: History) {
    this.#options = options;
    this.#history = history;
    const timeouts = { connectionTimeoutMillis: 5_000, query_timeout: 10_000 };
    const connectionString = options.databaseUri;
    // The faults leave this name alone: whether an interrupted commit happened, nobody could say.
    this.#pool = new pg.Pool({ connectionString, max: 16, application_name: 'test', ...timeouts });
    this.#publishers = ['MES', 'CRM'].map(() =>
      createPublisher({
        uri: options.amqpUri,
        exchange: '',
        routingKey: options.queue,
        event: { versionPointer: '/version' },
        timeoutMilliseconds: 60_000,
      }),
    );
  }

  start(): void {
    const lanes = 8;
    const interval = (lanes * 2 * 1000) / this.#options.changesPerSecond;
    this.#publishers.forEach((publisher, which) => {
      for (let lane = 0; lane < lanes; lane += 1) {
        const random = seededRandom(this.#options.seed + 100 * which + lane);
        this.#running.push(this.#change(publisher, which === 0 ? mesManner : crmManner, random, interval));
      }
    });
  }

  /** Ends when every event is confirmed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    while (this.#late.size > 0) await Promise.all(this.#late);
    await Promise.all(this.#publishers.map((publisher) => publisher.close()));
    await this.#pool.end();
  }

  async #change(
    publisher: Publisher,
    manner: (random: Random) => Manner,
    random: Random,
    interval: number,
  ): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(interval * 2 * random(), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const order = someOrder(random, this.#options.orders);
      await this.#changeOnce(publisher, order, manner(random)).catch(() => {
        this.failures += 1;
      });
    }
  }

  async #changeOnce(publisher: Publisher, order: number, manner: Manner): Promise<void> {
    const client = await this.#pool.connect();
    let broken = true;
    try {
      await client.query('BEGIN');
      const call = manner.deletes ? 'delete_order' : 'change_order';
      const { rows } = await client.query(`SELECT * FROM ${call}($1)`, [orderId(order)]);
      const change = Number(rows[0].change);
      const version = manner.versioned ? String(rows[0].new_version) : null;
      const publish = () => this.#publish(publisher, order, change, version);
      if (manner.publishesFirst) await publish();
      await client.query(manner.rollsBack ? 'ROLLBACK' : 'COMMIT');
      broken = false;
      if (!manner.rollsBack)
        this.#history.committed(order, { change, deleted: manner.deletes, committedAt: now() });
      if (!manner.publishesFirst && !manner.rollsBack) this.#later(manner.delay, publish);
      if (manner.twice) this.#later(1_000, publish);
    } finally {
      client.release(broken);
    }
  }

  #later(milliseconds: number, publish: () => Promise<void>): void {
    const late: Promise<unknown> = sleep(milliseconds)
      .then(publish)
      .catch(() => {
        this.failures += 1;
      })
      .finally(() => this.#late.delete(late));
    this.#late.add(late);
  }

  async #publish(publisher: Publisher, order: number, change: number, version: string | null): Promise<void> {
    const status = `c${change}`;
    const event = { orderId: orderId(order), status, timestamp: new Date(), version };
    await publisher.publish(event, { messageId: status });
    this.published.add(change);
  }
}
