import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventDecoder } from '../../api/event-decode.ts';
import { decodeBatch } from '../../worker/batch.ts';
import { Completions, type Finished } from '../../worker/completions.ts';
import { Inbox } from '../../worker/inbox.ts';
import { isolatingFailures } from '../../worker/isolation.ts';
import { Abandoned } from '../../worker/outages.ts';
import { EVENT_SETTINGS } from '../fixtures/worker-config.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const decode = eventDecoder({ ...EVENT_SETTINGS, versionPointer: '/version' });
const event = (orderId: string, version: number | null) => ({
  orderId,
  version,
  status: 'PAID',
  timestamp: '2026-11-22T10:00:00Z',
});

test('events of one order in a batch are one piece of work, in the order of delivery', () => {
  const source = new RecordingSource();
  const bodies = [event('a', 1), event('b', null), 'not json', event('a', null), event('c', 3)];
  const batch = decodeBatch(
    bodies.map((body, index) => delivered(source, index + 1, body)),
    decode,
  );
  assert.deepEqual(
    batch.orders.map(({ orderId, events, versioned }) => [
      orderId,
      versioned,
      events.map(({ delivery }) => delivery.tag),
    ]),
    [
      ['a', true, [1, 4]],
      ['b', false, [2]],
      ['c', true, [5]],
    ],
  );
  assert.deepEqual(
    batch.malformed.map(({ delivery, malformed }) => [delivery.tag, malformed.reason]),
    [[3, 'InvalidJson']],
  );
});

test('a batch is what arrived meanwhile, within the limit and without what a closed channel delivered', async () => {
  const inbox = new Inbox({ most: 3, leastBeside: 2 });
  const [source, closed] = [new RecordingSource(), new RecordingSource()];
  for (const tag of [1, 2, 3, 4]) inbox.push(delivered(source, tag));
  inbox.push(delivered(closed, 1));
  closed.open = false;
  const tags = async () => (await inbox.take())?.map(({ tag }) => tag);
  assert.deepEqual(await tags(), [1, 2, 3]);
  assert.deepEqual(await tags(), [4]);
  inbox.done();
  inbox.done();
  const waiting = tags();
  inbox.push(delivered(source, 5));
  assert.deepEqual(await waiting, [5]);
  inbox.push(delivered(source, 6));
  inbox.done();
  inbox.end();
  assert.deepEqual([await tags(), await tags()], [[6], undefined]);
});

test('an acknowledgement goes to the channel that delivered, or nowhere', () => {
  const [old, current] = [new RecordingSource(), new RecordingSource()];
  const completions = new Completions(false, () => undefined);
  const [first, second] = [delivered(old, 1), delivered(old, 2)];
  delivered(current, 1);
  completions.finish(first, 'updated');
  completions.flush();
  old.open = false;
  completions.finish(second, 'updated');
  completions.flush();
  assert.deepEqual(old.acknowledged, [{ tag: 1, multiple: true }]);
  assert.deepEqual(current.acknowledged, []);
  assert.equal(current.acknowledgements.outstanding, 1);
});

test('what ended is written down before it is acknowledged', () => {
  const source = new RecordingSource();
  const seen: [Finished['messageIds'], number][] = [];
  const completions = new Completions(true, ({ messageIds }) =>
    seen.push([messageIds, source.acknowledged.length]),
  );
  completions.finish(delivered(source, 1, '', { messageId: 'm1' }), 'updated');
  completions.finish(delivered(source, 2, '', { messageId: 'm2' }), 'absent');
  completions.flush();
  assert.deepEqual(seen, [[{ updated: ['m1'], absent: ['m2'] }, 0]]);
  assert.deepEqual(source.acknowledged, [{ tag: 2, multiple: true }]);
});

test('one item that fails does not affect its neighbours', async () => {
  const work = async (items: readonly number[]) => {
    if (items.includes(5)) throw new TypeError('five');
    return items.map((item) => item * 10);
  };
  const results = await isolatingFailures([1, 2, 3, 4, 5, 6, 7], work);
  const values = results.map((result) => (result.kind === 'Done' ? result.value : result.kind));
  assert.deepEqual(values, [10, 20, 30, 40, 'Failed', 60, 70]);
  const abandoned = isolatingFailures([1, 2], () => Promise.reject(new Abandoned()));
  await assert.rejects(abandoned, Abandoned);
});
