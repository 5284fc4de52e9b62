import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkerReports } from '../../operator/worker-reports.ts';

/** Of one request. */
const DEADLINE_MS = 1_000;

/** Pods whose address is the port of a server of their own. */
async function podsThat(t: TestContext, count: number, answer: RequestListener) {
  const pod = async (_: unknown, index: number) => {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.after(() => server.close().closeAllConnections());
    return { name: `pod-${index}`, ip: `${(server.address() as AddressInfo).port}`, ready: true };
  };
  return Promise.all(Array.from({ length: count }, pod));
}

const parse = (text: string) => text;

function reportsFor(t: TestContext): WorkerReports {
  const reports = new WorkerReports((ip) => `http://127.0.0.1:${ip}/report`);
  t.after(() => reports.close());
  return reports;
}

test('a policy with 160 pods that never answer does not delay the reports of another', async (t) => {
  const reports = reportsFor(t);
  let asked = 0;
  const silent = await podsThat(t, 160, () => {
    asked += 1;
  });
  const well = await podsThat(t, 3, (_, response) => response.end('well'));
  const since = performance.now();
  let isBrokenDone = false;
  const broken = reports.of(silent, 'broken', parse).finally(() => {
    isBrokenDone = true;
  });
  while (asked < 32) await sleep(5);

  const seen = await reports.of(well, 'well', parse);

  assert.deepEqual([...seen.keys()].sort(), ['pod-0', 'pod-1', 'pod-2']);
  assert.equal(isBrokenDone, false, 'the others are still waited for');
  const turns = 1 + Math.floor((performance.now() - since) / (DEADLINE_MS - 10));
  assert.ok(asked <= 32 * turns, `${asked} asked: the other has no more than its own bound under way`);
  await reports.close();
  assert.equal((await broken).size, 0);
});

test('each pod is asked once, however many there are, and those that do not answer are left out', async (t) => {
  const reports = reportsFor(t);
  let asked = 0;
  const count: RequestListener = (_, response) => {
    asked += 1;
    response.end('well');
  };
  const pods = await podsThat(t, 70, count);
  const refused = pods.map(({ name }) => ({ name: `refused-${name}`, ip: '1', ready: true }));
  const seen = await reports.of([...refused, ...pods], 'uid', parse);
  assert.equal(seen.size, 70);
  assert.equal(asked, 70);
});
