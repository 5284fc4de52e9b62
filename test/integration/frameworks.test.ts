import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { build } from 'esbuild';
import type { Reader } from '../../cache/reader.ts';
import { fence, ROOT, read, section } from '../fixtures/docs-pages.ts';
import { testRedis } from '../servers/index.ts';

/** The code of docs/frameworks.md serves orders. The environment and `load` are the test's. */

const LOAD = `export const load = async (orderId) =>
  orderId === 'A-1' ? { status: 'SHIPPED' } : orderId === 'A-2' ? null : Promise.reject(new Error('down'));`;

/** The module of a section, built as a project of a user's would build it. */
async function moduleOf(t: TestContext, heading: string): Promise<Record<string, unknown>> {
  const directory = mkdtempSync(join(ROOT, 'node_modules', '.docs-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'snippet.ts'), fence(section(read('docs/frameworks.md'), heading), 'ts'));
  writeFileSync(join(directory, 'orders.ts'), LOAD);
  const outfile = join(directory, 'snippet.mjs');
  await build({
    entryPoints: [join(directory, 'snippet.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { 'order-cache-operator/reader': join(ROOT, 'cache/reader.ts') },
    external: ['express', '@nestjs/*', 'ioredis'],
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    logLevel: 'silent',
  });
  return import(pathToFileURL(outfile).href);
}

async function useRedisOf(t: TestContext): Promise<void> {
  process.env.REDIS_URI = (await testRedis(t)).uri;
  process.env.NODE_ENV = 'test'; // Express logs an error otherwise
}

/** The status codes and bodies of an order that exists, one that does not, and one that the database fails to read. */
async function answers(port: number): Promise<unknown[]> {
  const get = async (orderId: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/orders/${orderId}/status`, {
      signal: AbortSignal.timeout(10_000),
    });
    return [response.status, response.status === 200 ? await response.json() : null];
  };
  return [await get('A-1'), await get('A-2'), await get('A-3')];
}

const EXPECTED = [
  [200, { status: 'SHIPPED' }],
  [404, null],
  [500, null],
];

describe('docs/frameworks.md', () => {
  it('serves orders with Express', async (t) => {
    await useRedisOf(t);
    const { app } = (await moduleOf(t, 'Express')) as { app: { listen(port: number, host: string): Server } };
    const server = app.listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    assert.deepEqual(await answers((server.address() as AddressInfo).port), EXPECTED);
  });

  it('serves orders with NestJS, and closes the reader with the application', async (t) => {
    await useRedisOf(t);
    const { OrdersModule, OrderStatuses } = (await moduleOf(t, 'NestJS')) as {
      OrdersModule: new () => object;
      OrderStatuses: new () => { reader: Reader };
    };
    const app = await NestFactory.create(OrdersModule, { logger: false });
    const server: Server = await app.listen(0, '127.0.0.1');
    const close = t.mock.method(app.get(OrderStatuses).reader, 'close');
    assert.deepEqual(await answers((server.address() as AddressInfo).port), EXPECTED);
    assert.equal(close.mock.callCount(), 0);
    await app.close();
    assert.equal(close.mock.callCount(), 1);
  });
});
