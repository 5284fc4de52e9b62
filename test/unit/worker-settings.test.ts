import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffDelay } from '../../worker/backoff.ts';
import { configHash, parseConfig } from '../../worker/config.ts';
import { databaseCredentials, rabbitmqCredentials, redisCredentials } from '../../worker/credentials.ts';
import { readEnvironment } from '../../worker/environment.ts';
import { LogLimit } from '../../worker/log-limit.ts';
import { WORKER_CONFIG } from '../fixtures/worker-config.ts';

const environment = {
  ORDERCACHE_CONFIG_FILE: '/etc/ordercache/config/config.json',
  ORDERCACHE_CONFIG_HASH: '0123456789abcdef',
  ORDERCACHE_CREDENTIALS_DIRECTORY: '/etc/ordercache/credentials',
};

test('a complete environment is read, with defaults for port and level', () => {
  assert.deepEqual(readEnvironment(environment), {
    kind: 'Valid',
    environment: {
      configFile: '/etc/ordercache/config/config.json',
      configHash: '0123456789abcdef',
      credentialsDirectory: '/etc/ordercache/credentials',
      httpPort: 8080,
      logLevel: 'info',
    },
  });
});

test('a wrong variable gives one line with its name and without its value', () => {
  const cases: [string, string | undefined][] = [
    ['ORDERCACHE_CONFIG_FILE', undefined],
    ['ORDERCACHE_CONFIG_FILE', ''],
    ['ORDERCACHE_CONFIG_HASH', 'swordfish'],
    ['ORDERCACHE_CREDENTIALS_DIRECTORY', undefined],
    ['ORDERCACHE_HTTP_PORT', 'NaN'],
    ['ORDERCACHE_HTTP_PORT', '65536'],
    ['ORDERCACHE_HTTP_PORT', '-1'],
    ['ORDERCACHE_LOG_LEVEL', 'swordfish'],
  ];
  for (const [name, value] of cases) {
    const result = readEnvironment({ ...environment, [name]: value });
    assert.ok(result.kind === 'Invalid' && result.message.startsWith(`${name}: expected`), name);
    assert.ok(!result.message.includes('swordfish') && !result.message.includes('\n'));
  }
});

const config = {
  ...WORKER_CONFIG,
  rabbitmq: {
    ...WORKER_CONFIG.rabbitmq,
    retry: { maxAttempts: 5, steps: [{ exchange: 'd', delaySeconds: 1 }] },
  },
};
const parsed = (document: unknown) => parseConfig(Buffer.from(JSON.stringify(document)));

test('the configuration of the operator is taken as it is', () => {
  assert.deepEqual(parsed(config), { kind: 'Valid', config });
  assert.equal(configHash(Buffer.from('{}')), '44136fa355b3678a');
});

test('a configuration that the worker cannot rely on is refused with the path of the field', () => {
  const columns = { orderId: 'id', status: 'status; DROP TABLE orders', version: 'version' };
  const cases: [object, string][] = [
    [{ strategy: 'WriteBack' }, 'strategy'],
    [{ strategy: 'WriteThrough' }, 'database'],
    [{ prefetchCount: 0 }, 'prefetchCount'],
    [{ rabbitmq: { ...config.rabbitmq, queues: [] } }, 'rabbitmq.queues'],
    [{ event: { ...config.event, orderIdPointer: 'orderId' } }, 'event.orderIdPointer'],
    [{ database: { table: 'orders', columns } }, 'database'],
    [{ redis: null }, 'redis.keyPrefix'],
  ];
  for (const [change, path] of cases) {
    const result = parsed({ ...config, ...change });
    assert.ok(result.kind === 'Invalid' && result.message.startsWith(`config.json: ${path}: expected`), path);
  }
  for (const document of [null, 1, [], '']) assert.equal(parsed(document).kind, 'Invalid');
  assert.equal(parseConfig(Buffer.from('{')).kind, 'Invalid');
});

test('username and password of their own keys are taken as they are, those of a URI are decoded', () => {
  const uri = 'amqps://me:p%40ss@broker/shop%2Fa?heartbeat=20';
  const { username, password, port, vhost, heartbeat } = rabbitmqCredentials({ uri });
  assert.deepEqual([username, password, port, vhost, heartbeat], ['me', 'p@ss', 5671, 'shop%2Fa', 20]);
  const own = rabbitmqCredentials({ uri: 'amqp://h', username: 'you', password: '@%#' });
  assert.deepEqual([own.username, own.password, own.port, own.vhost], ['you', '@%#', 5672, '%2F']);
  const database = databaseCredentials({ uri: 'postgres://me:x@db/shop', 'ca.crt': 'PEM' });
  assert.deepEqual(database.tls, { ca: 'PEM' });
  assert.equal(databaseCredentials({ uri: 'postgres://me:x@db/shop' }).tls, undefined);
});

test('credentials that cannot be used are named by their key, without a word of their value', () => {
  const secret = 's3cret';
  const attempts: [string, () => unknown][] = [
    ['rabbitmq/uri', () => rabbitmqCredentials({})],
    ['rabbitmq/uri', () => rabbitmqCredentials({ uri: `amqp://u:${secret}#@h` })],
    ['rabbitmq/uri', () => rabbitmqCredentials({ uri: `http://u:${secret}@h` })],
    ['rabbitmq/uri', () => rabbitmqCredentials({ uri: `amqp://u:${secret}%zz@h` })],
    ['rabbitmq/uri', () => rabbitmqCredentials({ uri: `amqp://u:${secret}@h?heartbeat=0` })],
    ['redis/uri', () => redisCredentials({})],
    ['database/uri', () => databaseCredentials({ uri: `mysql://u:${secret}@h/d` })],
    ['database/uri', () => databaseCredentials({ uri: `postgres://u:${secret}@h/d?sslmode=prefer` })],
  ];
  for (const [key, attempt] of attempts) {
    assert.throws(attempt, ({ message }: Error) => message.startsWith(key) && !message.includes(secret), key);
  }
});

test('delays double up to their bound, and a random half comes off', () => {
  const backoff = { initial: 100, maximum: 2_000 };
  assert.deepEqual(
    [1, 2, 3, 6, 1_000].map((attempt) => backoffDelay(backoff, attempt, 0)),
    [100, 200, 400, 2_000, 2_000],
  );
  assert.equal(backoffDelay(backoff, 1, 1), 50);
});

test('of many lines of a kind the first are logged, and later ones say how many were left out', () => {
  const limit = new LogLimit(2, 1_000);
  assert.deepEqual(
    [0, 1, 2, 3].map((now) => limit.admit('a', now)),
    [0, 0, undefined, undefined],
  );
  assert.equal(limit.admit('b', 3), 0);
  assert.equal(limit.admit('a', 1_000), 2);
});

test('a clock that is put back by an hour does not silence the log for an hour', () => {
  const limit = new LogLimit(1, 60_000);
  const hour = 3_600_000;
  assert.equal(limit.admit('a', 2 * hour), 0);
  assert.equal(limit.admit('a', 2 * hour), undefined);
  assert.equal(limit.admit('a', hour), 1);
});
