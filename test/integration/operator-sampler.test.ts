import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerReport } from '../../api/worker-report.ts';
import type { Observation } from '../../operator/observation.ts';
import type { SampleTarget } from '../../operator/ports.ts';
import { createSampler } from '../../operator/sampler.ts';
import { WORKER_REPORT } from '../fixtures/worker-report.ts';
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
    until: async (what, isSo, seconds = 30) => {
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

/** The same, with the sampler's connection to the broker through a proxy. */
async function proxied(t: Scope) {
  let proxy: Awaited<ReturnType<typeof faultProxy>> | undefined;
  const s = await scene(t, async (v) => {
    proxy = await faultProxy(t, v.amqpUri);
    return proxy.port;
  });
  assert.ok(proxy);
  return { s, proxy };
}

function workerReport(over: Partial<WorkerReport> = {}): WorkerReport {
  return { ...WORKER_REPORT, inFlight: 5, ttlRevision: 1, ...over };
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

/** A look of the sampler: when it was, in seconds, and which report the first worker gave. */
function lookAt({ workers: [sight] }: Observation): { at: number; report: number } {
  assert.ok(sight);
  return { at: performance.now() / 1000 - sight.ageSeconds, report: sight.ttlRevision ?? 0 };
}

/** The user's, by the broker's list, which follows by an instant. */
async function connections({ management, username }: TestVhost): Promise<number> {
  return ((await management('GET', `connections/username/${username}`)) as unknown[]).length;
}

async function untilConnections(v: TestVhost, expected: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while ((await connections(v)) !== expected) {
    if (Date.now() > deadline)
      throw new Error(`expected ${expected} connections, got ${await connections(v)}`);
    await sleep(50);
  }
}

describe('The sampler', () => {
  it('sees ready messages and dead letters sooner than statistics would tell of them', async (t) => {
    const s = await scene(t);
    s.watch();
    await s.until('nothing ready', ({ ready }) => is(ready, 0));
    await s.publish('work', 20);
    await s.publish('work.dead', 2);
    await s.until('20 ready, 2 dead', ({ ready, deadLetters }) => is(ready, 20) && is(deadLetters, 2), 4);
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
    await untilConnections(s.v, 2);
    assert.equal(await s.v.closeConnections(), 2, "the sampler's and the test's");
    const connection = await s.v.connect();
    const channel = await connection.createConfirmChannel();
    channel.sendToQueue('work', Buffer.from('x'), { persistent: true });
    await channel.waitForConfirms();
    await s.until('one ready', ({ ready }) => is(ready, 1));
  });

  it('holds no old number while the broker answers nothing, and recovers', async (t) => {
    const { s, proxy } = await proxied(t);
    s.watch();
    await s.until('sampled', ({ ready }) => is(ready, 0));
    await proxy.blackHole();
    await s.until('missing', ({ ready }) => ready.kind === 'Missing');
    await proxy.pass();
    await s.until('recovered', ({ ready }) => is(ready, 0));
  });

  it('has one connection again after a broker that did not answer for a while', async (t) => {
    const { s, proxy } = await proxied(t);
    s.watch();
    await s.until('sampled', ({ ready }) => is(ready, 0));
    for (let stalls = 0; stalls < 3; stalls += 1) {
      await proxy.stall();
      await sleep(2_600);
      await proxy.pass();
      await sleep(1_500);
    }
    await s.until('recovered', ({ ready }) => is(ready, 0));
    const deadline = Date.now() + 30_000;
    while (proxy.connections() !== 1 && Date.now() < deadline) await sleep(100);
    assert.equal(proxy.connections(), 1);
  });

  it('reads reports of workers: in flight, rate, pauses, configuration', async (t) => {
    const s = await scene(t);
    let reported = 0;
    const busy = await worker(t, () => {
      reported += 1;
      return workerReport({ acknowledged: 5_000 + reported * 100, ttlRevision: reported });
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
    const isWhole = ({ ready, workers }: Observation) => is(ready, 0) && workers.length === 2;
    const first = lookAt(await s.until('a first look', isWhole));
    const isRate = (one: Observation) => isWhole(one) && one.acknowledgedRate.kind === 'Measured';
    const seen = await s.until('a rate', isRate);
    const last = lookAt(seen);
    assert.ok(is(seen.inFlight, 12));
    const rate = seen.acknowledgedRate.kind === 'Measured' ? seen.acknowledgedRate.value : 0;
    const expected = (100 * (last.report - first.report)) / (last.at - first.at);
    assert.ok(rate > 0 && Math.abs(rate / expected - 1) < 0.05, `expected ${expected}/s, it is ${rate}`);
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
      await s.until('one ready', ({ ready }) => is(ready, 1));
    });
  }

  it('shares one connection among policies of the same broker, vhost and user, and closes it after the last', async (t) => {
    const v = await testVhost(t);
    const seen = new Set<string>();
    const sampler = createSampler({ onQueueMissing: (uid) => seen.add(uid) });
    t.after(() => sampler.close());
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
    watch('a');
    watch('b');
    for (const deadline = Date.now() + 30_000; seen.size < 2; await sleep(50)) {
      assert.ok(Date.now() < deadline, 'the broker has not told of both that their queues are missing');
    }
    await untilConnections(v, 1);
    sampler.forget('a');
    await sleep(1_000);
    assert.equal(await connections(v), 1);
    sampler.forget('b');
    await untilConnections(v, 0);
  });
});
