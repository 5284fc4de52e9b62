import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lane } from '../../cache/lane.ts';
import { LoadGroup } from '../../cache/load-group.ts';

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** A group that writes down each read of the database. */
function group() {
  const reads: (readonly string[])[] = [];
  const loads = new LoadGroup<string>(async (orderIds) => {
    reads.push(orderIds);
    await tick();
    return (orderId) => {
      if (orderId === 'bad') throw new Error('no row');
      return `row of ${orderId}`;
    };
  });
  return { reads, loads };
}

test('one read serves all members, and begins when the last has said what it needs', async () => {
  const { reads, loads } = group();
  const [a, b, c, d] = [loads.member(), loads.member(), loads.member(), loads.member()];
  const rows = [a.load('A'), b.load('B')];
  await tick();
  assert.deepEqual(reads, [], 'two have not said anything yet');
  c.leave();
  const bad = assert.rejects(d.load('bad'), /no row/);
  assert.deepEqual(await Promise.all(rows), ['row of A', 'row of B']);
  await bad;
  assert.deepEqual(reads, [['A', 'B', 'bad']]);
});

test('whoever was postponed holds up nobody, and shares a second read', async () => {
  const { reads, loads } = group();
  const [a, b, c] = [loads.member(), loads.member(), loads.member()];
  b.postpone();
  b.postpone();
  c.postpone();
  assert.equal(await a.load('A'), 'row of A');
  const row = b.load('B');
  await tick();
  assert.equal(reads.length, 1, 'the second read waits for all that were postponed');
  assert.deepEqual(await Promise.all([row, c.load('C')]), ['row of B', 'row of C']);
  assert.deepEqual(reads, [['A'], ['B', 'C']]);
});

test('nobody needs anything: nothing is read', async () => {
  const { reads, loads } = group();
  for (const member of [loads.member(), loads.member()]) member.leave();
  await tick();
  assert.deepEqual(reads, []);
});

test('a read that fails fails for all its members', async () => {
  const error = new Error('the database is away');
  const loads = new LoadGroup<string>(() => Promise.reject(error));
  const members = [loads.member(), loads.member()];
  const ends = await Promise.allSettled(members.map((member, i) => member.load(`O${i}`)));
  assert.ok(ends.every((end) => end.status === 'rejected' && end.reason === error));
});

test('a lane works through everything, so much at a time, failures included', async () => {
  const lane = new Lane(3);
  let running = 0;
  let most = 0;
  const work = async (i: number) => {
    running += 1;
    most = Math.max(most, running);
    await tick();
    running -= 1;
    if (i % 5 === 0) throw new Error(`${i}`);
  };
  const ends = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => lane.run(() => work(i))));
  assert.equal(most, 3);
  assert.equal(ends.filter(({ status }) => status === 'rejected').length, 8);
  assert.equal(running, 0);
});
