import { once } from 'node:events';
import { Cluster, Redis } from 'ioredis';
import { parseRedisAddress, type RedisAddress, type RedisCredentials } from './address.ts';
import { clusterOptions, type Deadlines, type Mended, serverOptions } from './connection-options.ts';
import { bounded } from './deadline.ts';
import { type RedisFailure, redisFailure } from './failure.ts';

export interface ConnectOptions {
  /** A command that takes longer fails with RedisUnavailable; it may still take effect. Default: 2000. */
  readonly commandTimeoutMs?: number;
  /** Default: 2000. */
  readonly connectTimeoutMs?: number;
  /** Whether a connection that broke is made again by itself, with the same credentials. Default: true. */
  readonly reconnect?: boolean;
  /** Called once, when there is no connection and none will be made again. */
  readonly onEnd?: () => void;
  /** Hears of each failed attempt to connect and each broken connection. */
  readonly onError?: (failure: RedisFailure) => void;
}

/**
 * A connection that is kept up in the background. Every method fails within the command timeout (on a Cluster, where
 * commands are redirected, twice that) with RedisUnavailable or RedisRefused, at once while there is no connection.
 */
export interface RedisConnection {
  /** A Server (Sentinel's master included) takes scripts with many keys, a Cluster one key per script. */
  readonly kind: 'Server' | 'Cluster';
  /** Resolves once there is a connection; fails with the next attempt that fails, or at the connect timeout. */
  ready(): Promise<void>;
  /** The probe: resolves when Redis answers. */
  ping(): Promise<void>;
  /** Runs a command on the client, with the connection's deadline and its two kinds of failure. */
  run<T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T>;
  /** One after another, on each master that holds keys. Fails when the masters are not known. */
  onEachMaster(visit: (master: MasterConnection) => Promise<void>): Promise<void>;
  /** Ends the connection; commands in flight fail. */
  close(): void;
}

export type { RedisCredentials } from './address.ts';

/** One master: the whole of a Server, or a part of a Cluster. */
export interface MasterConnection {
  run<T>(command: (client: Redis) => Promise<T>): Promise<T>;
}

/**
 * Connects to standalone Redis, Sentinel's master or a Cluster. Returns at once; the connection is made in the
 * background and made again whenever it breaks.
 * @throws RedisUriInvalid
 */
export function connectRedis(credentials: RedisCredentials, options: ConnectOptions = {}): RedisConnection {
  const address = parseRedisAddress(credentials);
  const { commandTimeoutMs = 2000, connectTimeoutMs = 2000, reconnect = true } = options;
  const deadlines = { commandTimeoutMs, connectTimeoutMs, reconnect };
  const client = createClient(address, credentials, deadlines);
  const connection = supervise(client, deadlines, options.onError);
  client.once('end', () => options.onEnd?.());
  client.connect().catch(() => {
    // The same error arrives as an event, and the client goes on trying.
  });
  return connection;
}

function createClient(address: RedisAddress, credentials: RedisCredentials, deadlines: Deadlines & Mended) {
  return address.mode === 'cluster'
    ? new Cluster([...address.hosts], clusterOptions(address, credentials, deadlines))
    : new Redis(serverOptions(address, credentials, deadlines));
}

function supervise(
  client: Redis | Cluster,
  { commandTimeoutMs, connectTimeoutMs }: Deadlines,
  onError: ConnectOptions['onError'],
): RedisConnection {
  /** Why there is no connection; undefined while there is one. */
  let broken: RedisFailure | undefined;
  const remember = (error: Error) => {
    broken = redisFailure(lastNodeError(error));
    onError?.(broken);
  };
  client.on('error', remember);
  client.on('node error', remember);
  client.on('ready', () => {
    broken = undefined;
  });
  const kind = client instanceof Cluster ? 'Cluster' : 'Server';
  const deadlineMs = kind === 'Cluster' ? 2 * commandTimeoutMs : commandTimeoutMs + 100;
  const runOn = async <C, T>(
    target: C,
    command: (client: C) => Promise<T>,
    within = deadlineMs,
  ): Promise<T> => {
    try {
      return await bounded(command(target), within);
    } catch (error) {
      throw redisFailure(error, broken);
    }
  };
  const ping = async () => {
    await runOn(client, (target) => target.ping());
  };
  return {
    kind,
    ready: () => runOn(client, (target) => whenReady(target), connectTimeoutMs),
    run: (command) => runOn(client, command),
    ping,
    onEachMaster: async (visit) => {
      await ping();
      const masters = client instanceof Cluster ? client.nodes('master') : [client];
      for (const master of masters) await visit({ run: (command) => runOn(master, command) });
    },
    close: () => client.disconnect(),
  };
}

async function whenReady(client: Redis | Cluster): Promise<void> {
  if (client.status !== 'ready') await once(client, 'ready');
}

/** A Cluster says only that no node could be reached, and why in a field of its error. */
function lastNodeError(error: Error): unknown {
  return 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : error;
}
