import { homedir } from 'node:os';
import { join } from 'node:path';

/** Fixed ports of 127.0.0.1, none of them a default of its server, so that servers of the user's are never met. */
export const ports = {
  redis: 16379,
  postgres: 15432,
  amqp: 15673,
  management: 15674,
  prometheus: 15675,
  epmd: 15676,
  erlangDistribution: 15677,
} as const;

const state = process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state');

/** Process ids, logs and data of Redis and RabbitMQ. */
export const stateDirectory = join(state, 'order-cache-operator', 'servers');

/** PostgreSQL refuses to run as root, and its account may not pass root's home directory. */
export const postgresDirectory =
  process.getuid?.() === 0
    ? '/var/lib/order-cache-operator/servers/postgres'
    : join(stateDirectory, 'postgres');

/** Known to everybody: the servers listen on loopback only and hold nothing but test data. */
export const testPassword = 'test';

/** Where the servers are. The administrators' credentials are in the URIs. */
export interface ServerUris {
  readonly amqpUri: string;
  readonly managementUri: string;
  readonly prometheusUri: string;
  readonly redisUri: string;
  readonly databaseUri: string;
}

export type ServerName = 'redis' | 'postgres' | 'rabbitmq';

/** The servers that the environment does not replace by the user's own. */
export function ownServers(): ServerName[] {
  const replaced: Record<ServerName, string | undefined> = {
    redis: process.env.TEST_REDIS_URI,
    postgres: process.env.TEST_DATABASE_URI,
    rabbitmq: process.env.TEST_AMQP_URI,
  };
  return (['redis', 'postgres', 'rabbitmq'] as const).filter((name) => replaced[name] === undefined);
}

/**
 * The URIs of our own servers, each replaced by its variable in the environment.
 * @throws Error when only one of the two URIs of RabbitMQ is replaced.
 */
export function serverUris(): ServerUris {
  const { TEST_AMQP_URI: amqp, TEST_AMQP_MANAGEMENT_URI: management } = process.env;
  if ((amqp === undefined) !== (management === undefined)) {
    throw new Error('TEST_AMQP_URI and TEST_AMQP_MANAGEMENT_URI: expected both or neither, got one.');
  }
  const login = `test:${testPassword}@127.0.0.1`;
  return {
    amqpUri: amqp ?? `amqp://${login}:${ports.amqp}`,
    managementUri: management ?? `http://${login}:${ports.management}`,
    prometheusUri: process.env.TEST_AMQP_PROMETHEUS_URI ?? `http://127.0.0.1:${ports.prometheus}/metrics`,
    redisUri: process.env.TEST_REDIS_URI ?? `redis://127.0.0.1:${ports.redis}`,
    databaseUri: process.env.TEST_DATABASE_URI ?? `postgresql://${login}:${ports.postgres}/postgres`,
  };
}
