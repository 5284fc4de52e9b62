import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Next, WorkQueue } from '../../operator/work-queue.ts';
import { handClock, settled } from './operator-clock.ts';

/** A queue whose work begins at once and ends when the test says so. */
function scene(concurrency = 2) {
  const clock = handClock();
  const begun: string[] = [];
  const running = new Map<string, { resolve: (next: Next) => void; reject: (error: Error) => void }>();
  const failures: [string, number][] = [];
  const queue = new WorkQueue(
    (key) => {
      assert.ok(!running.has(key), `${key} is worked on twice at the same time`);
      begun.push(key);
      return new Promise<Next>((resolve, reject) => running.set(key, { resolve, reject }));
    },
    {
      clock,
      concurrency,
      backoff: { initial: 100, max: 1_000 },
      random: () => 0.5,
      onFailure: (key, _, count) => failures.push([key, count]),
    },
  );
  const end = async (
    key: string,
    how: (one: { resolve: (next: Next) => void; reject: (error: Error) => void }) => void,
  ) => {
    const one = running.get(key);
    assert.ok(one, `${key} is not being worked on`);
    running.delete(key);
    how(one);
    await settled();
  };
  return {
    clock,
    queue,
    begun,
    failures,
    done: (key: string, next: Next = {}) => end(key, ({ resolve }) => resolve(next)),
    fail: (key: string) => end(key, ({ reject }) => reject(new Error('no'))),
  };
}

test('a key that is added ten times while it waits is worked on once', async () => {
  const { queue, begun, done } = scene(1);
  queue.add('busy');
  for (let time = 0; time < 10; time += 1) queue.add('a');
  assert.equal(queue.depth, 1);
  await done('busy');
  await done('a');
  assert.deepEqual(begun, ['busy', 'a']);
});

test('a key that is added during its work is worked on again afterwards, once', async () => {
  const { queue, begun, done } = scene();
  queue.add('a');
  queue.add('a');
  queue.add('a');
  assert.deepEqual(begun, ['a']);
  await done('a');
  assert.deepEqual(begun, ['a', 'a']);
  await done('a');
  assert.deepEqual(begun, ['a', 'a']);
});

test('no more keys are worked on at once than allowed, in the order in which they came', async () => {
  const { queue, begun, done } = scene(2);
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
  assert.deepEqual(begun, ['a', 'b']);
  await done('b');
  assert.deepEqual(begun, ['a', 'b', 'c']);
});

test('a failing key waits longer each time up to the greatest delay, and others do not wait', async () => {
  const { queue, begun, clock, fail, done, failures } = scene(1);
  queue.add('bad');
  for (const delay of [100, 200, 400, 800, 1_000, 1_000]) {
    await fail('bad');
    const before = begun.length;
    queue.add('good');
    await done('good');
    await clock.by(delay - 1);
    assert.equal(begun.length, before + 1, 'only the good one');
    await clock.by(1);
    assert.equal(begun.at(-1), 'bad');
  }
  assert.deepEqual(
    failures.map(([, count]) => count),
    [1, 2, 3, 4, 5, 6],
  );
});

test('news of a failing key is looked at at once, and does not make it wait longer', async () => {
  const { queue, begun, clock, fail, failures } = scene();
  queue.add('a');
  await fail('a');
  for (let news = 0; news < 5; news += 1) {
    await clock.by(50);
    queue.add('a');
    await fail('a');
  }
  queue.add('a');
  queue.add('a');
  await fail('a');
  await fail('a');
  assert.deepEqual([begun.length, failures.at(-1)], [8, ['a', 1]]);
  await clock.by(100);
  assert.equal(begun.length, 9, 'after the first delay');
  await fail('a');
  assert.deepEqual(failures.at(-1), ['a', 2]);
});

test('success forgets the failures', async () => {
  const { queue, begun, clock, fail, done } = scene();
  queue.add('a');
  await fail('a');
  await clock.by(100);
  await done('a');
  queue.add('a');
  await fail('a');
  await clock.by(100);
  assert.deepEqual(begun, ['a', 'a', 'a', 'a']);
});

test('a pass may ask for another, and being added before that takes its place', async () => {
  const { queue, begun, clock, done } = scene();
  queue.add('a');
  await done('a', { again: 500 });
  await clock.by(100);
  queue.add('a');
  await done('a');
  await clock.by(10_000);
  assert.deepEqual(begun, ['a', 'a']);
  assert.equal(clock.pending, 0);
});

test('stop waits for the work that has begun and begins no other', async () => {
  const { queue, begun, clock, done } = scene(1);
  for (const key of ['a', 'b']) queue.add(key);
  let stopped = false;
  const stopping = queue.stop().then(() => {
    stopped = true;
  });
  queue.add('c');
  await settled();
  assert.equal(stopped, false);
  await done('a', { again: 1 });
  await stopping;
  await clock.by(1_000);
  assert.deepEqual(begun, ['a']);
});
