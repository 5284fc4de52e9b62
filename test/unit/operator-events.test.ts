import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventRecorder, type Notice } from '../../operator/event-recorder.ts';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import type { Call } from '../../operator/kubernetes-session.ts';
import { handClock } from './operator-clock.ts';
import { policyWith } from './operator-policy.ts';

/** A recorder, and the calls that it makes; `answer` is the status they get. */
function scene(answer = () => 201) {
  const calls: Call[] = [];
  const failures: unknown[] = [];
  const clock = handClock();
  const session = {
    async send(call: Call) {
      calls.push(call);
      return { status: answer(), body: call.body, retryAfterSeconds: undefined };
    },
    stream: () => assert.fail('no watch is needed'),
    close: async () => undefined,
  };
  const client = new KubernetesClient(session, () => undefined);
  const recorder = new EventRecorder(client, 'operator-0', clock, (error) => failures.push(error));
  const methods = () => calls.map(({ method }) => method);
  return { recorder, clock, calls, failures, methods };
}

const notice: Notice = { type: 'Warning', reason: 'Repaired', action: 'Apply', note: 'it was gone' };

test('the same notice ten times within a minute is one event', async () => {
  const { recorder, clock, methods } = scene();
  for (let time = 0; time < 10; time += 1) {
    await recorder.record(policyWith(), notice);
    await clock.by(5_000);
  }
  assert.deepEqual(methods(), ['POST']);
});

test('a notice that goes on counts up its event, once a minute', async () => {
  const { recorder, clock, calls, methods } = scene();
  for (let time = 0; time < 13; time += 1) {
    await recorder.record(policyWith(), notice);
    await clock.by(10_000);
  }
  assert.deepEqual(methods(), ['POST', 'PATCH', 'PATCH']);
  assert.partialDeepStrictEqual(calls.at(-1)?.body, { series: { count: 13 } });
});

test('another note, and another policy of the same name, are events of their own', async () => {
  const { recorder, methods } = scene();
  await recorder.record(policyWith(), notice);
  await recorder.record(policyWith(), { ...notice, note: 'it was edited' });
  await recorder.record(policyWith({ metadata: { uid: 'reborn' } }), notice);
  assert.deepEqual(methods(), ['POST', 'POST', 'POST']);
});

test('an event that cannot be written is reported, holds nothing up and is tried anew', async () => {
  let status = 500;
  const { recorder, failures, methods } = scene(() => status);
  await recorder.record(policyWith(), notice);
  status = 201;
  await recorder.record(policyWith(), notice);
  assert.equal(failures.length, 1);
  assert.deepEqual(methods(), ['POST', 'POST']);
});

test('an event tells who, what and about which policy, within the bounds of the API', async () => {
  const { recorder, calls } = scene();
  await recorder.record(policyWith(), { ...notice, note: 'x'.repeat(5_000) });
  const event = calls[0]?.body as {
    note: string;
    regarding: object;
    reportingController: string;
    eventTime: string;
  };
  assert.equal(event.note.length, 1_000);
  assert.deepEqual(event.regarding, {
    apiVersion: 'ordercache.io/v1alpha1',
    kind: 'OrderCachePolicy',
    namespace: 'shop',
    name: 'orders',
    uid: 'uid-orders',
  });
  assert.match(event.eventTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});
