import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { connectRedis, type RedisConnection } from '../../cache/connect.ts';
import { RedisRefused } from '../../cache/failure.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { deleteRecords, publishTtlTable, readTtlTable } from '../../cache/ttl-table-redis.ts';
import { freePort, ownCluster, ownRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { PATIENT, SOURCE, TABLE } from './cache-world.ts';

const orderIds = Array.from({ length: 60 }, (_, i) => `O${i}`);

/** The whole of the protocol over many orders. */
async function workThrough(connection: RedisConnection): Promise<void> {
  const cache = new OrderCache(connection, { keyPrefix: 'order:', versionSource: SOURCE });
  await publishTtlTable(connection, 'order:', TABLE);
  assert.ok(await readTtlTable(connection, 'order:'));
  for (const orderId of orderIds) {
    const lease = await cache.lease(orderId, 10_000);
    assert.equal(lease.kind, 'granted');
    const token = lease.kind === 'granted' ? lease.token : '';
    await cache.fill(orderId, token, { status: 'NEW', version: '1' }, TABLE);
  }
  const applied = orderIds.map((orderId) => ({ orderId, expected: null }));
  const { ticket, outcomes } = await cache.apply('mark', applied);
  assert.ok(outcomes.every((outcome) => outcome.kind === 'marked'));
  const rows = orderIds.map((orderId, i) => ({ orderId, row: { status: `S${i}`, version: '2' } }));
  const settled = await cache.settle(ticket, TABLE, rows);
  assert.ok(settled.every((outcome) => outcome.kind === 'updated'));
  assert.deepEqual(await cache.get('O59'), { status: 'S59', version: '2', source: SOURCE });
  const erased = await deleteRecords(connection, 'order:', { deadlineMs: 10_000 });
  assert.deepEqual(erased, { kind: 'Deleted', count: orderIds.length });
}

function opened(scope: Scope, connection: RedisConnection): RedisConnection {
  scope.after(async () => connection.close());
  return connection;
}

function client(scope: Scope, port: number): Redis {
  const redis = new Redis({ port, commandTimeout: PATIENT.commandTimeoutMs });
  redis.on('error', () => {});
  scope.after(async () => redis.disconnect());
  return redis;
}

test('on a Cluster of three masters, orders of every slot are worked through in one call', async (t) => {
  const { uri } = await ownCluster(t);
  const connection = opened(t, connectRedis({ uri }, PATIENT));
  await connection.ready();
  assert.equal(connection.kind, 'Cluster');
  await connection.ping();
  await workThrough(connection);
});

test('by way of Sentinel, the master is found and worked with', async (t) => {
  const master = await ownRedis(t);
  const sentinel = await sentinelFor(t, master.port);
  const uri = `redis://127.0.0.1:${sentinel}?mode=sentinel&name=main`;
  const connection = opened(t, connectRedis({ uri }, PATIENT));
  await connection.ready();
  assert.equal(connection.kind, 'Server');
  await workThrough(connection);
});

/** A Sentinel that watches the master under the name `main`; it wants a configuration file of its own. */
async function sentinelFor(scope: Scope, masterPort: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-sentinel-'));
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  writeFileSync(
    file,
    `port ${port}\nbind 127.0.0.1\ndir ${directory}\ndaemonize yes\npidfile ${directory}/pid\nsentinel monitor main 127.0.0.1 ${masterPort} 1\n`,
  );
  execFileSync('redis-server', [file, '--sentinel']);
  scope.after(async () => {
    process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  await once(client(scope, port), 'ready');
  return port;
}

test('over TLS, with the CA of the Secret; without it the certificate is refused', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-tls-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [key, certificate] = [join(directory, 'tls.key'), join(directory, 'tls.crt')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const port = await freePort();
  const tls = ['--tls-port', String(port), '--tls-cert-file', certificate, '--tls-key-file', key];
  await ownRedis(t, [...tls, '--tls-auth-clients', 'no']);

  const uri = `rediss://127.0.0.1:${port}`;
  const ca = readFileSync(certificate, 'utf8');
  const connection = opened(t, connectRedis({ uri, ca }, PATIENT));
  await connection.ready();
  await workThrough(connection);
  await assert.rejects(opened(t, connectRedis({ uri }, PATIENT)).ready(), RedisRefused);
});
