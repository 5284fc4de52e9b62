import type { EventSettings, WorkerConfig } from '../../api/worker-config.ts';
import type { Scope } from '../servers/index.ts';
import { publishBytes, type Stage, type StageOptions, setStage } from './worker-stage.ts';

export interface WritingOptions extends StageOptions {
  /** What the events carry. Default: a version. */
  readonly event?: Partial<EventSettings>;
  /** Type of the version column. Default: bigint. */
  readonly version?: 'bigint' | 'timestamptz';
}

/** A stage on which the workers write the rows. */
export async function setWritingStage(t: Scope, options: WritingOptions = {}): Promise<Stage> {
  const stage = await setStage(t, { versioned: options.event === undefined, ...options });
  if (options.version === 'timestamptz') {
    await stage.database.pool.query(
      `ALTER TABLE orders ALTER version TYPE timestamptz USING 'epoch'::timestamptz`,
    );
  }
  return {
    ...stage,
    config: { ...withWriter(stage.config, 'Worker'), event: { ...stage.config.event, ...options.event } },
  };
}

export function withWriter(config: WorkerConfig, writer: 'Initiator' | 'Worker'): WorkerConfig {
  const { database } = config;
  if (database === undefined) throw new Error('expected a configuration with a database');
  return { ...config, database: { ...database, writer } };
}

export interface Stamped {
  readonly orderId: string;
  readonly status: string;
  /** Default: now. */
  readonly timestamp?: string;
  readonly version?: string | number;
}

export async function publishStamped(stage: Stage, events: readonly Stamped[]): Promise<void> {
  for (const event of events) {
    const timestamp = event.timestamp ?? new Date().toISOString();
    publishBytes(stage, Buffer.from(JSON.stringify({ ...event, timestamp })));
  }
  await stage.channel.waitForConfirms();
}

/** `status version` of a row, as the database writes it; undefined: there is none. */
export async function rowOf(stage: Stage, id: string): Promise<string | undefined> {
  const query = 'SELECT status, version::text FROM orders WHERE id = $1';
  const { rows } = await stage.database.pool.query<{ status: string; version: string }>(query, [id]);
  return rows[0] && `${rows[0].status} ${rows[0].version}`;
}

/** `status version` of a record; undefined: the order is not in the cache. */
export async function recordOf(stage: Stage, id: string): Promise<string | undefined> {
  const [status, version] = await stage.redis.hmget(stage.keyPrefix + id, 'status', 'version');
  return status ? `${status} ${version}` : undefined;
}
