import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { eventDecoder } from '../../api/event-decode.ts';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { type Handler, handle } from '../../worker/handle.ts';
import { Outages } from '../../worker/outages.ts';
import { Turns } from '../../worker/turns.ts';
import { TTL_TABLE } from '../fixtures/ttl-table.ts';
import { WORKER_CONFIG } from '../fixtures/worker-config.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const config: WorkerConfig = { ...WORKER_CONFIG, strategy: 'WriteThrough' };

/** A worker whose database answers when it is told to; each step is written down with its orders. */
function world() {
  const steps: string[] = [];
  const reads: (() => void)[] = [];
  const note = (step: string, orders: readonly { orderId: string }[]) =>
    void steps.push(`${step} ${orders.map(({ orderId }) => orderId)}`);
  const database = {
    read: async (ids: readonly string[]) => {
      steps.push(`read ${ids}`);
      await new Promise<void>((resolve) => reads.push(resolve));
      return new Map(ids.map((id) => [id, { status: 'SENT', version: '1' }]));
    },
    write: async () => new Map(),
  };
  const worker: Handler = {
    config,
    decode: eventDecoder(config.event),
    ttl: () => TTL_TABLE,
    cache: () => ({
      apply: async (_, orders) => {
        note('apply', orders);
        return { ticket: 't', outcomes: orders.map(() => ({ kind: 'marked' }) as const) };
      },
      settle: async (_ticket, _ttl, orders) => {
        note('settle', orders);
        return orders.map(() => ({ kind: 'updated' }) as const);
      },
    }),
    database: () => database,
    outages: new Outages({
      dependencyOf: () => undefined,
      probe: async () => {},
      onPause: () => {},
      onResume: () => {},
      log: pino({ level: 'silent' }),
    }),
    turns: new Turns(),
    perform: ({ tag }) => void steps.push(`end ${tag}`),
    failed: () => {},
    acknowledge: () => {},
  };
  const answer = async () => {
    reads.shift()?.();
    await new Promise(setImmediate);
  };
  return { worker, steps, answer };
}

const event = (orderId: string) => ({ orderId, status: 'PAID', timestamp: '2026-11-22T10:00:00Z' });

test('two batches with the same order work on it one after the other, and on other orders at once', async () => {
  const { worker, steps, answer } = world();
  const source = new RecordingSource();
  const first = handle([delivered(source, 1, event('a'))], worker);
  await new Promise(setImmediate);
  const second = handle([delivered(source, 2, event('a')), delivered(source, 3, event('b'))], worker);
  await new Promise(setImmediate);
  assert.deepEqual(steps, ['apply a', 'read a', 'apply b', 'read b']);
  for (let reads = 0; reads < 3; reads += 1) await answer();
  await Promise.all([first, second]);
  const ofA = steps.filter((step) => /a$|[12]$/.test(step));
  assert.deepEqual(ofA, ['apply a', 'read a', 'settle a', 'end 1', 'apply a', 'read a', 'settle a', 'end 2']);
});

test('an event that comes while its order is read ends only after an apply of its own', async () => {
  const { worker, steps, answer } = world();
  const source = new RecordingSource();
  const first = handle([delivered(source, 1, event('a'))], worker);
  await new Promise(setImmediate);
  const late = handle([delivered(source, 2, event('a'))], worker);
  await answer();
  assert.deepEqual(steps.slice(0, 5), ['apply a', 'read a', 'settle a', 'end 1', 'apply a']);
  assert.equal(steps.includes('end 2'), false);
  await answer();
  await Promise.all([first, late]);
  assert.equal(steps.at(-1), 'end 2');
});
