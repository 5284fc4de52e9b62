import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeHits } from '../consistency/findings.ts';
import { History } from '../consistency/history.ts';

/** Order 1: change 1 at 100, change 4 at 200 (its event finished at 250), deleted by change 6 at 300, change 9 at 400. */
function history(): History {
  const known = new History();
  for (const [change, committedAt] of [
    [1, 100],
    [9, 400],
    [4, 200],
  ] as const)
    known.committed(1, { change, deleted: false, committedAt });
  known.committed(1, { change: 6, deleted: true, committedAt: 300 });
  known.finished(4, 260);
  known.finished(4, 250);
  known.finished(4, 270);
  return known;
}

const cases: [string, change: number, startedAt: number, unknown][] = [
  ['the newest row is fresh for ever', 9, 9_999, { kind: 'Fresh' }],
  ['a row is fresh until the next change is committed', 1, 200, { kind: 'Fresh' }],
  [
    'after that it is stale, and its event may be on its way',
    1,
    240,
    { kind: 'Stale', age: 40, beyondEvent: -10 },
  ],
  [
    'a hit after the event counts from the first time that it was finished',
    1,
    280,
    { kind: 'Stale', age: 80, beyondEvent: 30 },
  ],
  [
    'an event that nobody finished counts from the commit',
    4,
    350,
    { kind: 'Stale', age: 50, beyondEvent: 50 },
  ],
  ['a deleted order has no status', 6, 350, { kind: 'NeverCommitted' }],
  ['a change that was rolled back never was', 5, 250, { kind: 'NeverCommitted' }],
];

for (const [sentence, change, startedAt, expected] of cases)
  test(sentence, () => assert.deepEqual(history().verdict({ order: 1, change, startedAt }), expected));

test('an order that nobody has changed has no history', () => {
  assert.deepEqual(history().verdict({ order: 2, change: 1, startedAt: 0 }), { kind: 'NeverCommitted' });
});

test('stale hits are counted by age, and later than a second after their event they are violations', () => {
  const hits = [150, 240, 300, 1_249, 1_251].map((startedAt) => ({ order: 1, change: 1, startedAt }));
  const findings = judgeHits(history(), hits);
  assert.deepEqual(findings, {
    hits: 5,
    stale: 4,
    byAge: { 'up to 10 ms': 0, 'up to 100 ms': 2, 'up to 1000 ms': 0, 'up to 10000 ms': 2, more: 0 },
    afterEvent: 3,
    longestAfterEvent: 1_001,
    violations: 1,
    neverCommitted: 0,
  });
});

test('a change whose event no worker has finished is unfinished', () => {
  assert.deepEqual(history().unfinished([1, 4, 9]), [1, 9]);
});
