import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { eventDecoder } from '../../api/event-decode.ts';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { RowRefused } from '../../worker/database-failure.ts';
import { type Handler, handle } from '../../worker/handle.ts';
import { Abandoned, Outages } from '../../worker/outages.ts';
import { Turns } from '../../worker/turns.ts';
import { TTL_TABLE } from '../fixtures/ttl-table.ts';
import { DATABASE, WORKER_CONFIG } from '../fixtures/worker-config.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const config: WorkerConfig = { ...WORKER_CONFIG, strategy: 'WriteThrough' };
const event = (orderId: string) => ({ orderId, status: 'PAID', timestamp: '2026-11-22T10:00:00Z' });

class Away extends Error {}

/** A world in which each step is written down; `faults` are thrown by `apply`, one after another. */
function world(faults: unknown[] = []) {
  const steps: string[] = [];
  const outages = new Outages({
    dependencyOf: (error) => (error instanceof Away ? 'RedisUnavailable' : undefined),
    probe: async () => void steps.push('probe'),
    onPause: () => steps.push('pause'),
    onResume: () => steps.push('resume'),
    log: pino({ level: 'silent' }),
  });
  const worker: Handler = {
    config,
    decode: eventDecoder(config.event),
    ttl: () => TTL_TABLE,
    cache: () => ({
      apply: async (mode, orders) => {
        steps.push(`apply ${mode} ${orders.map(({ orderId }) => orderId)}`);
        const fault = faults.shift();
        if (fault !== undefined) throw fault;
        const record = { status: 'NEW', version: null, source: null };
        return { ticket: 't', outcomes: orders.map(() => ({ kind: 'marked', record }) as const) };
      },
      settle: async (ticket, _ttl, orders) => {
        steps.push(`settle ${ticket} ${orders.map(({ orderId, row }) => `${orderId}=${row?.status}`)}`);
        return orders.map(() => ({ kind: 'updated' }) as const);
      },
    }),
    database: () => ({
      read: async (ids) => {
        steps.push(`read ${ids}`);
        return new Map(ids.map((id) => [id, { status: 'SENT', version: '1' }]));
      },
      write: async (changes) => {
        steps.push(`write ${changes.map(({ orderId, version }) => `${orderId}=${version}`)}`);
        return new Map();
      },
    }),
    outages,
    turns: new Turns(),
    perform: ({ tag }, verdict) =>
      void steps.push(`perform ${tag} ${verdict.kind === 'Finished' ? verdict.outcome : verdict.reason}`),
    failed: (orderId) => void steps.push(`failed ${orderId}`),
    acknowledge: () => void steps.push('acknowledge'),
  };
  return { worker, steps, outages };
}

const batch = (...bodies: (object | string)[]) => {
  const source = new RecordingSource();
  return bodies.map((body, index) => delivered(source, index + 1, body));
};

test('a batch is applied, read and settled with one call each, and acknowledged after all of it', async () => {
  const { worker, steps } = world();
  await handle(batch(event('a'), 'not json', event('b'), event('a')), worker);
  assert.deepEqual(steps, [
    'perform 2 InvalidJson',
    'apply mark a,b',
    'read a,b',
    'settle t a=SENT,b=SENT',
    'perform 1 updated',
    'perform 4 updated',
    'perform 3 updated',
    'acknowledge',
  ]);
});

test('in an outage nothing ends; after it the batch starts over, and only its success resumes consuming', async () => {
  const { worker, steps } = world([new Away(), new Away()]);
  await handle(batch(event('a')), worker);
  const round = ['apply mark a', 'probe'];
  assert.deepEqual(steps, [
    'apply mark a',
    'pause',
    'probe',
    ...round,
    'apply mark a',
    'read a',
    'settle t a=SENT',
    'resume',
    'perform 1 updated',
    'acknowledge',
  ]);
});

test('a worker that stops during an outage acknowledges nothing', async () => {
  const { worker, steps, outages } = world([new Away()]);
  outages.abandon();
  await assert.rejects(handle(batch(event('a')), worker), Abandoned);
  assert.deepEqual(steps, ['apply mark a', 'pause']);
});

test('an order that makes the worker fail is set aside, and its neighbours are synchronised', async () => {
  const fault = new TypeError('bug');
  const { worker, steps } = world([fault, fault]);
  await handle(batch(event('a'), event('b')), worker);
  const ends = steps.filter((step) => /^(perform|failed|acknowledge)/.test(step));
  assert.deepEqual(ends, ['failed a', 'perform 1 ProcessingFailed', 'perform 2 updated', 'acknowledge']);
});

const writing: WorkerConfig = {
  ...config,
  strategy: 'ReadThrough',
  database: { ...DATABASE, writer: 'Worker' },
  event: { ...config.event, versionPointer: '/version' },
};
const versioned = (id: string, version: number) => ({ ...event(id), version });

test('where the worker writes, the newest event of each order is its row before the cache is touched', async () => {
  const { worker, steps } = world();
  const decode = eventDecoder(writing.event);
  await handle(batch(versioned('a', 7), versioned('b', 1), versioned('a', 9), versioned('a', 8)), {
    ...worker,
    config: writing,
    decode,
  });
  assert.deepEqual(steps.slice(0, 4), [
    'write a=9,b=1',
    'apply drop a,b',
    'read a,b',
    'settle t a=SENT,b=SENT',
  ]);
});

test('of the events of an order only the one that the database refuses is set aside', async () => {
  const { worker, steps } = world();
  const refusing: Handler = {
    ...worker,
    config: writing,
    decode: eventDecoder(writing.event),
    database: () => ({
      read: async (ids) => new Map(ids.map((id) => [id, { status: 'PAID', version: '9' }])),
      write: async (changes) => {
        if (changes.some(({ version }) => version === '8')) throw new RowRefused('23514');
        return new Map();
      },
    }),
  };
  await handle(batch(versioned('a', 7), versioned('a', 8), versioned('b', 1)), refusing);
  const ends = steps.filter((step) => /^(perform|failed)/.test(step));
  assert.deepEqual(ends, ['perform 1 updated', 'failed a', 'perform 2 RowRefused', 'perform 3 updated']);
});
