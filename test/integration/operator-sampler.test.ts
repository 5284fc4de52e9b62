import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerReport } from '../../api/worker-report.ts';
import type { Observation, SampleTarget } from '../../operator/ports.ts';
import { createSampler } from '../../operator/sampler.ts';
import { faultProxy, type Scope, type TestVhost, testVhost } from '../servers/index.ts';
import { credentialsFor } from './operator-policy.ts';

interface Scene {
  readonly v: TestVhost;
  readonly target: SampleTarget;
  readonly missing: string[];
  watch(change?: Partial<SampleTarget>): void;
  view(): Observation;
  until(what: string, isSo: (seen: Observation) => boolean, seconds?: number): Promise<Observation>;
  publish(queue: string, count: number): Promise<void>;
}

/** A virtual host with `work` and `work.dead`, and a sampler; a pod's address is the port of a local server. */
async function scene(t: Scope, through?: (v: TestVhost) => Promise<number>): Promise<Scene> {
  const missing: string[] = [];
  const sampler = createSampler(
    { onQueueMissing: (uid) => missing.push(uid) },
    (ip) => `http://127.0.0.1:${ip}/report`,
  );
  t.after(() => sampler.close());
  const v = await testVhost(t);
  const channel = await (await v.connect()).createConfirmChannel();
  for (const queue of ['work', 'work.dead']) {
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  }
  const direct = credentialsFor(v.amqpUri, v.managementUri, v.vhost);
  const credentials = through === undefined ? direct : { ...direct, port: await through(v) };
  const target = {
    policyUid: 'uid',
    credentials,
    queue: 'work',
    drainQueues: [],
    deadLetterQueue: 'work.dead',
    pods: [],
    maintenancePods: [],
  };
  const view = () => sampler.view('uid');
  return {
    v,
    target,
    missing,
    view,
    watch: (change = {}) => sampler.watch({ ...target, ...change }),
    until: async (what, isSo, seconds = 10) => {
      const deadline = Date.now() + seconds * 1000;
      for (let seen = view(); Date.now() < deadline; seen = view()) {
        if (isSo(seen)) return seen;
        await sleep(100);
      }
      throw new Error(`expected within ${seconds} s: ${what}; it is ${JSON.stringify(view())}`);
    },
    publish: async (queue, count) => {
      for (let n = 0; n < count; n += 1) channel.sendToQueue(queue, Buffer.from('x'), { persistent: true });
      await channel.waitForConfirms();
    },
  };
}

function workerReport(over: Partial<WorkerReport> = {}): WorkerReport {
  return {
    policyUid: 'uid',
    configHash: 'abc',
    startedAt: '2026-11-22T12:00:00Z',
    state: 'Consuming',
    pausedBecause: [],
    inFlight: 5,
    prefetchCount: 500,
    acknowledged: 0,
    outcomes: {
      updated: 0,
      invalidated: 0,
      absent: 0,
      unchanged: 0,
      unseen: 0,
      retried: 0,
      'dead-lettered': 0,
    },
    ttlRevision: 1,
    ...over,
  };
}

/** Answers as a worker does; `answer` is asked each time and may never come. */
async function worker(t: Scope, answer: () => unknown): Promise<string> {
  const server: Server = createServer((_, response) => {
    const body = answer();
    if (body !== undefined) response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? String(address.port) : '';
}

const is = (measurement: Observation['ready'], value: number) =>
  measurement.kind === 'Measured' && measurement.value === value;

describe('The sampler', () => {
  it('sees ready messages and dead letters within about a second', async (t) => {
    const s = await scene(t);
    s.watch();
    await s.until('nothing ready', ({ ready }) => is(ready, 0));
    await s.publish('work', 20);
    await s.publish('work.dead', 2);
    await s.until('20 ready, 2 dead', ({ ready, deadLetters }) => is(ready, 20) && is(deadLetters, 2), 2);
  });

  it('adds what older revisions hold, and does not mind when one is gone', async (t) => {
    const s = await scene(t);
    const channel = await (await s.v.connect()).createChannel();
    await channel.assertQueue('old', { durable: true });
    await s.publish('old', 3);
    await s.publish('work', 4);
    s.watch({ drainQueues: ['old'] });
    await s.until('7 ready', ({ ready }) => is(ready, 7));
    await channel.deleteQueue('old');
    await s.until('4 ready', ({ ready }) => is(ready, 4));
    assert.deepEqual(s.missing, []);
  });

  it('says that a queue is missing, once, and sees it when it is back', async (t) => {
    const s = await scene(t);
    s.watch();
    await s.until('sampled', ({ ready }) => is(ready, 0));
    const channel = await (await s.v.connect()).createChannel();
    await channel.deleteQueue('work');
    await s.until(
      'missing',
      ({ ready }) => ready.kind === 'Missing' && ready.because === 'queue work does not exist',
    );
    await s.until('the other queue is still seen', ({ deadLetters }) => is(deadLetters, 0));
    assert.deepEqual(s.missing, ['uid']);
    await channel.assertQueue('work', { durable: true });
    await s.publish('work', 1);
    await s.until('back', ({ ready }) => is(ready, 1));
  });

  it('is back by itself after the broker has cut its connection', async (t) => {
    const s = await scene(t);
    s.watch();
    await s.until('sampled', ({ ready }) => is(ready, 0));
    await sleep(500);
    assert.ok((await s.v.closeConnections()) > 0);
    const connection = await s.v.connect();
    const channel = await connection.createConfirmChannel();
    channel.sendToQueue('work', Buffer.from('x'), { persistent: true });
    await channel.waitForConfirms();
    await s.until('one ready', ({ ready }) => is(ready, 1), 5);
  });

  it('holds no old number while the broker answers nothing, and recovers', async (t) => {
    let proxy: Awaited<ReturnType<typeof faultProxy>> | undefined;
    const s = await scene(t, async (v) => {
      proxy = await faultProxy(t, v.amqpUri);
      return proxy.port;
    });
    assert.ok(proxy);
    s.watch();
    await s.until('sampled', ({ ready }) => is(ready, 0));
    await proxy.blackHole();
    await s.until('missing', ({ ready }) => ready.kind === 'Missing', 12);
    await proxy.pass();
    await s.until('recovered', ({ ready }) => is(ready, 0), 12);
  });

  it('reads reports of workers: in flight, rate, pauses, configuration', async (t) => {
    const s = await scene(t);
    let acknowledged = 0;
    const began = Date.now();
    const busy = await worker(t, () => {
      acknowledged = Math.round((Date.now() - began) / 10);
      return workerReport({ acknowledged });
    });
    const paused = await worker(t, () =>
      workerReport({ state: 'Paused', pausedBecause: ['RedisUnavailable'], inFlight: 7, configHash: 'def' }),
    );
    s.watch({
      pods: [
        { name: 'busy', ip: busy, ready: true },
        { name: 'paused', ip: paused, ready: true },
      ],
    });
    const seen = await s.until('a rate', ({ acknowledgedRate }) => acknowledgedRate.kind === 'Measured');
    assert.ok(is(seen.inFlight, 12));
    const rate = seen.acknowledgedRate.kind === 'Measured' ? seen.acknowledgedRate.value : 0;
    assert.ok(rate > 60 && rate < 140, `about 100 events/s, it is ${rate}`);
    assert.deepEqual(seen.pauses, ['RedisUnavailable']);
    assert.deepEqual(
      seen.workers.map(({ pod, configHash, state }) => [pod, configHash, state]),
      [
        ['busy', 'abc', 'Consuming'],
        ['paused', 'def', 'Paused'],
      ],
    );
  });

  const useless: [what: string, answer: () => unknown][] = [
    ['hangs', () => undefined],
    ['answers with another policy', () => workerReport({ policyUid: 'other' })],
    ['answers with 10 MB', () => 'x'.repeat(10_000_000)],
  ];
  for (const [what, answer] of useless) {
    it(`does not know what is in flight when a ready worker ${what}, and goes on with the queue`, async (t) => {
      const s = await scene(t);
      s.watch({ pods: [{ name: 'w', ip: await worker(t, answer), ready: true }] });
      const seen = await s.until('sampled', ({ ready }) => is(ready, 0));
      assert.equal(seen.inFlight.kind, 'Missing');
      await s.publish('work', 1);
      await s.until('one ready', ({ ready }) => is(ready, 1), 4);
    });
  }

  it('shares one connection among policies of the same broker, vhost and user, and closes it after the last', async (t) => {
    const v = await testVhost(t);
    const sampler = createSampler({ onQueueMissing: () => {} });
    const credentials = credentialsFor(v.amqpUri, v.managementUri, v.vhost);
    const watch = (policyUid: string) =>
      sampler.watch({
        policyUid,
        credentials,
        queue: policyUid,
        drainQueues: [],
        deadLetterQueue: 'd',
        pods: [],
        maintenancePods: [],
      });
    const connections = async () =>
      ((await v.management('GET', `connections/username/${v.username}`)) as unknown[]).length;
    watch('a');
    watch('b');
    await sleep(1_500);
    assert.equal(await connections(), 1);
    sampler.forget('a');
    await sleep(500);
    assert.equal(await connections(), 1);
    sampler.forget('b');
    await sleep(500);
    assert.equal(await connections(), 0);
    await sampler.close();
  });
});
