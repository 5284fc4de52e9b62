import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisAddress, RedisCredentials } from './address.ts';

/** How long the client waits, in milliseconds. */
export interface Deadlines {
  /** For the reply to one command. */
  readonly commandTimeoutMs: number;
  /** For a connection to be made. */
  readonly connectTimeoutMs: number;
}

/** Whether a connection that ended is made again, with the same credentials. */
export type Mended = { readonly reconnect: boolean };

const LONGEST_RECONNECT_DELAY_MS = 1000;

/**
 * A command fails at once without a connection, is never sent twice, and fails when its connection breaks. A socket
 * that stays silent while replies are due is dropped, so that a black hole ends by itself. The ready check is off,
 * because it wants the right to INFO; what it would find out (LOADING, a replica) each command finds out too.
 */
export function serverOptions(
  address: RedisAddress,
  credentials: RedisCredentials,
  deadlines: Deadlines & Mended,
) {
  const [first] = address.hosts;
  const endpoint = address.mode === 'sentinel' ? sentinelOptions(address, credentials, deadlines) : first;
  return {
    ...nodeOptions(address, credentials, deadlines),
    ...endpoint,
    db: address.database,
    enableOfflineQueue: false,
    retryStrategy: retries(deadlines),
  } satisfies RedisOptions;
}

export function clusterOptions(
  address: RedisAddress,
  credentials: RedisCredentials,
  deadlines: Deadlines & Mended,
) {
  return {
    redisOptions: nodeOptions(address, credentials, deadlines),
    enableOfflineQueue: false,
    enableReadyCheck: false,
    scaleReads: 'master',
    maxRedirections: 4,
    slotsRefreshTimeout: deadlines.connectTimeoutMs,
    slotsRefreshInterval: 10_000,
    clusterRetryStrategy: retries(deadlines),
    lazyConnect: true,
  } satisfies ClusterOptions;
}

function nodeOptions(address: RedisAddress, credentials: RedisCredentials, deadlines: Deadlines) {
  return {
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls ? { tls: tlsOptions(credentials) } : {}),
    protocol: 2 as const,
    commandTimeout: deadlines.commandTimeoutMs,
    connectTimeout: deadlines.connectTimeoutMs,
    socketTimeout: deadlines.commandTimeoutMs + deadlines.connectTimeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    lazyConnect: true,
    reconnectOnError: isReplica,
  };
}

function sentinelOptions(
  address: RedisAddress,
  credentials: RedisCredentials,
  deadlines: Deadlines & Mended,
) {
  return {
    sentinels: address.hosts.map(({ host, port }) => ({ host, port })),
    name: address.masterName,
    sentinelCommandTimeout: deadlines.commandTimeoutMs,
    sentinelRetryStrategy: retries(deadlines),
    ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(credentials) } : {}),
  } satisfies RedisOptions;
}

function tlsOptions({ ca, cert, key }: RedisCredentials) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** A master that became a replica keeps its connections' commands failing until they are made anew. */
function isReplica(error: Error): boolean {
  return error.message.startsWith('READONLY');
}

function retries({ reconnect }: Mended): (attempt: number) => number | null {
  return reconnect ? reconnectDelay : () => null;
}

/** Rises to a second, with some randomness; milliseconds. */
export function reconnectDelay(attempt: number): number {
  const delay = Math.min(50 * 2 ** Math.min(attempt - 1, 10), LONGEST_RECONNECT_DELAY_MS);
  return delay + Math.random() * 50;
}
