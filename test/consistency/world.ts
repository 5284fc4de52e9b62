import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis } from '../../cache/connect.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { PATIENT } from '../integration/cache-world.ts';
import { startWorker, type WorkerProcess } from '../integration/worker-process.ts';
import { type Stage, setStage } from '../integration/worker-stage.ts';
import { type OwnRedis, ownRedis, type Scope } from '../servers/index.ts';
import type { History } from './history.ts';
import { CHANGES_SQL } from './initiators.ts';

/** Short, so that records expire all the time. */
const TTL = { defaultSeconds: 4, jitterPercent: 50, absentSeconds: 2, statuses: {} };

/** Servers and workers, as the operator would run them. */
export class World {
  readonly stage: Stage;
  readonly redis: OwnRedis;
  readonly #scope: Scope;
  readonly #workers: WorkerProcess[] = [];
  #revision = 1;

  private constructor(stage: Stage, redis: OwnRedis, scope: Scope) {
    this.stage = stage;
    this.redis = redis;
    this.#scope = scope;
  }

  static async open(scope: Scope, orders: number): Promise<World> {
    const redis = await ownRedis(scope);
    const options = { versioned: true, redisUri: redis.uri, maxAttempts: 5 };
    const world = new World(await setStage(scope, options), redis, scope);
    await world.stage.database.pool.query(CHANGES_SQL);
    const rows = `SELECT 'order-' || i, 'c' || nextval('changes'), 1 FROM generate_series(0, $1) i`;
    await world.stage.database.pool.query(`INSERT INTO orders ${rows}`, [orders - 1]);
    await world.publishTtl();
    await world.startWorkers(2);
    return world;
  }

  async startWorkers(count: number): Promise<void> {
    const { config, credentials } = this.stage;
    for (let index = 0; index < count; index += 1)
      this.#workers.push(await startWorker(this.#scope, config, credentials, 'debug'));
  }

  /** SIGKILL, and another one takes its place. */
  async killWorker(): Promise<void> {
    const victim = this.#workers.findLast(({ pid }) => isAlive(pid));
    victim?.kill('SIGKILL');
    await this.startWorkers(1);
  }

  /** As the operator does when Redis has lost the table. */
  async publishTtl(): Promise<void> {
    this.#revision += 1;
    const policy = { owner: 'default/test/orders', uid: 'uid', revision: this.#revision };
    const connection = connectRedis({ uri: this.redis.uri }, PATIENT);
    try {
      await connection.ready();
      const table = { state: 'Active', ...policy, ...TTL, versionSource: 'orders.version' } as const;
      await publishTtlTable(connection, this.stage.keyPrefix, table);
    } finally {
      connection.close();
    }
  }

  /** Waits until every published event was finished by a worker; gives those that never are. */
  async quiet(history: History, published: ReadonlySet<number>): Promise<readonly number[]> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      this.#readLogs(history);
      const open = history.unfinished(published);
      if (open.length === 0 || Date.now() > deadline) return open;
      await sleep(500);
    }
  }

  #readLogs(history: History): void {
    for (const { log } of this.#workers)
      for (const line of log) {
        if (line.msg !== 'batch') continue;
        for (const [outcome, ids] of Object.entries(line.outcomes as Record<string, string[]>))
          if (outcome !== 'retried')
            for (const id of ids) history.finished(Number(id.slice(1)), Number(line.time));
      }
  }

  /** Compares every record with its row; gives the ids of those that differ. */
  async staleRecords(): Promise<{ records: number; stale: string[] }> {
    const { database, redis, keyPrefix } = this.stage;
    const { rows } = await database.pool.query<{ id: string; status: string }>(
      'SELECT id, status FROM orders',
    );
    const statusOf = new Map(rows.map(({ id, status }) => [id, status]));
    const keys = (await redis.keys(`${keyPrefix}*`)).sort();
    const statuses = await Promise.all(keys.map((key) => redis.hget(key, 'status')));
    const records = keys.flatMap((key, index) => {
      const status = statuses[index];
      return status == null ? [] : [{ id: key.slice(keyPrefix.length), status }];
    });
    const stale = records.filter(({ id, status }) => statusOf.get(id) !== status).map(({ id }) => id);
    return { records: records.length, stale };
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
