import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApplyOutcome, SettleOutcome } from '../../cache/order-cache.ts';
import type { Row } from '../../cache/record.ts';
import { RowRefused } from '../../worker/database-failure.ts';
import {
  applyMode,
  attemptsBefore,
  effectOf,
  expectedRecord,
  judge,
  judgeFailure,
  judgeMalformed,
  mustSettle,
  type RetrySettings,
} from '../../worker/decide.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const retry: RetrySettings = {
  maxAttempts: 4,
  steps: [
    { exchange: 'delay.1s', delaySeconds: 1 },
    { exchange: 'delay.2s', delaySeconds: 2 },
  ],
};
const row = (version: string | null): Row => ({ status: 'PAID', version });
const marked: ApplyOutcome = { kind: 'marked' };
const dropped: SettleOutcome = { kind: 'dropped', because: 'NoRow' };

test('records are marked for the row only with WriteThrough, and only while a TTL table lets them be written', () => {
  assert.equal(applyMode('WriteThrough', true), 'mark');
  assert.equal(applyMode('WriteThrough', false), 'drop');
  assert.equal(applyMode('ReadThrough', true), 'drop');
});

test('marked records must be settled, and versioned events always', () => {
  assert.equal(mustSettle(marked, false), true);
  assert.equal(mustSettle({ kind: 'absent' }, false), false);
  assert.equal(mustSettle({ kind: 'absent' }, true), true);
  assert.equal(mustSettle({ kind: 'dropped' }, false), false);
});

test('the outcome says what the cache became', () => {
  const cases: [ApplyOutcome, SettleOutcome | undefined, string][] = [
    [{ kind: 'absent' }, undefined, 'absent'],
    [{ kind: 'voided' }, undefined, 'absent'],
    [{ kind: 'dropped' }, undefined, 'invalidated'],
    [{ kind: 'unchanged' }, undefined, 'unchanged'],
    [marked, { kind: 'updated' }, 'updated'],
    [marked, { kind: 'unchanged' }, 'unchanged'],
    [marked, dropped, 'invalidated'],
    [marked, { kind: 'absent' }, 'invalidated'],
    [{ kind: 'dropped' }, { kind: 'absent' }, 'invalidated'],
    [{ kind: 'absent' }, { kind: 'absent' }, 'absent'],
    [{ kind: 'absent' }, dropped, 'invalidated'],
    [{ kind: 'unchanged' }, { kind: 'absent' }, 'invalidated'],
  ];
  for (const [applied, settled, outcome] of cases) assert.equal(effectOf(applied, settled), outcome);
});

test('an event ends when its row is visible, and only a row behind its version is waited for', () => {
  const cases: [string | null, Row | null, boolean][] = [
    [null, row('1'), true],
    ['5', row('5'), true],
    ['5', row('6'), true],
    ['5', row('4'), false],
    ['10', row('9'), false],
    ['9007199254740993', row('9007199254740992'), false],
    ['5', null, true],
    ['5', row(null), true],
  ];
  for (const [version, present, finished] of cases) {
    const verdict = judge('updated', version, present, 0, retry);
    assert.equal(verdict.kind === 'Finished', finished, `${version} against ${present?.version}`);
  }
});

test('where the worker writes, an event that has not become its row is tried again and then set aside', () => {
  const cases: [Row | null, number, string][] = [
    [row('5'), 3, 'updated'],
    [row('6'), 3, 'updated'],
    [null, 0, 'Retry OrderNotFound'],
    [null, 3, 'DeadLetter OrderNotFound'],
    [row('4'), 0, 'Retry RowBehind'],
    [row('4'), 3, 'DeadLetter RowBehind'],
  ];
  for (const [present, attempts, expected] of cases) {
    const verdict = judge('updated', '5', present, attempts, retry, 'Worker');
    const said = verdict.kind === 'Finished' ? verdict.outcome : `${verdict.kind} ${verdict.reason}`;
    assert.equal(said, expected);
  }
});

test('a record is left alone that says what all events say, or what the row says that the worker wrote', () => {
  const delivery = delivered(new RecordingSource(), 1);
  const order = (...events: [string, string | null][]) => ({
    orderId: 'a',
    versioned: true,
    events: events.map(([status, version]) => ({
      delivery,
      event: { orderId: 'a', status, version, timestampMs: 0 },
    })),
  });
  assert.deepEqual(expectedRecord(order(['PAID', '5'], ['PAID', '5'])), { status: 'PAID', version: '5' });
  assert.equal(expectedRecord(order(['PAID', '5'], ['SENT', '5'])), null);
  assert.deepEqual(expectedRecord(order(['PAID', '5'], ['SENT', '6']), { status: 'NEW', version: '9' }), {
    status: 'NEW',
    version: '9',
  });
  assert.equal(expectedRecord(order(['PAID', '5'], ['SENT', '6']), { status: 'NEW', version: null }), null);
});

test('each retry takes the next step of the ladder, the last one repeats, and the last attempt ends unseen', () => {
  const verdicts = [0, 1, 2, 3].map((attempts) => judge('unchanged', '5', row('4'), attempts, retry));
  assert.deepEqual(
    verdicts.map((verdict) =>
      verdict.kind === 'Retry' ? [verdict.attempts, verdict.step.exchange] : verdict,
    ),
    [[1, 'delay.1s'], [2, 'delay.2s'], [3, 'delay.2s'], { kind: 'Finished', outcome: 'unseen' }],
  );
  const single = judge('unchanged', '5', row('4'), 0, { maxAttempts: 1, steps: [] });
  assert.deepEqual(single, { kind: 'Finished', outcome: 'unseen' });
});

test('a missing row is waited for where readers may remember that there is none, if the event has a version', () => {
  const outcomes = (version: string | null, absentRemembered: boolean) =>
    [0, 3].map((attempts) => {
      const verdict = judge('absent', version, null, attempts, retry, 'Initiator', absentRemembered);
      return verdict.kind === 'Finished' ? verdict.outcome : `${verdict.kind} ${verdict.reason}`;
    });
  assert.deepEqual(outcomes('5', true), ['Retry RowBehind', 'absent']);
  assert.deepEqual(outcomes('5', false), ['absent', 'absent']);
  assert.deepEqual(outcomes(null, true), ['absent', 'absent']);
});

test('an event that makes the worker fail is tried again and then dead-lettered, without its payload', () => {
  assert.equal(judgeFailure(new TypeError('secret'), 0, retry).kind, 'Retry');
  assert.deepEqual(judgeFailure(new TypeError('secret'), 3, retry), {
    kind: 'DeadLetter',
    reason: 'ProcessingFailed',
    detail: 'TypeError after 4 attempts',
  });
});

test('what the database refuses is set aside with its code and without its payload', () => {
  const verdict = judgeFailure(new RowRefused('23514'), 3, retry);
  assert.deepEqual(verdict, {
    kind: 'DeadLetter',
    reason: 'RowRefused',
    detail: 'the database does not take the row: 23514 after 4 attempts',
  });
});

test('a malformed event is dead-lettered with its reason and its field', () => {
  const verdict = judgeMalformed({
    kind: 'Malformed',
    reason: 'InvalidStatus',
    field: '/s',
    detail: 'expected',
  });
  assert.deepEqual(verdict, { kind: 'DeadLetter', reason: 'InvalidStatus', detail: '/s: expected' });
});

test('a forged count of attempts is bounded', () => {
  const cases: [unknown, number][] = [
    [undefined, 0],
    [2, 2],
    [2.9, 2],
    [-7, 0],
    [1e300, 4],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 0],
    ['3', 0],
    [{ '!': 'decimal' }, 0],
  ];
  for (const [header, attempts] of cases) assert.equal(attemptsBefore(header, 4), attempts);
});
