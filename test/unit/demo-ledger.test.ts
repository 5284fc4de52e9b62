import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger, percentile } from '../../demo/ledger.ts';

const none = new Set<string>();

test('an event without an outcome is unaccounted for', () => {
  const ledger = new Ledger();
  ledger.published('MES', 'a', 1000, 'good');
  ledger.published('MES', 'b', 1000, 'good');
  ledger.finished('a', 'updated', 1500);
  assert.equal(ledger.open, 1);
  assert.deepEqual(ledger.summary(none).unaccounted, ['b']);
});

test('an outcome that is read before its publication counts', () => {
  const ledger = new Ledger();
  ledger.finished('a', 'absent', 1500);
  ledger.published('CRM', 'a', 1000, 'good');
  const summary = ledger.summary(none);
  assert.deepEqual(summary.outcomes, { absent: 1 });
  assert.equal(ledger.delay().p50, 500);
});

test('a retry is no outcome, and the first outcome is the one that counts', () => {
  const ledger = new Ledger();
  ledger.published('MES', 'a', 1000, 'good');
  ledger.finished('a', 'retried', 1100);
  assert.equal(ledger.open, 1);
  ledger.finished('a', 'updated', 1200);
  ledger.finished('a', 'unchanged', 1900);
  const summary = ledger.summary(none);
  assert.deepEqual(summary.outcomes, { updated: 1 });
  assert.equal(ledger.delay().max, 200);
  assert.equal(summary.retried, 1);
});

test('redelivered are the deliveries of which workers say so', () => {
  const ledger = new Ledger();
  ledger.published('MES', 'a', 1000, 'good');
  ledger.finished('a', 'updated', 1200);
  ledger.finished('a', 'unchanged', 1201);
  assert.equal(ledger.summary(none).redelivered, 0);
  ledger.redelivered(2);
  ledger.redelivered(1);
  assert.equal(ledger.summary(none).redelivered, 3);
});

test('only the malformed event may be a dead letter', () => {
  const ledger = new Ledger();
  ledger.published('MES', 'bad', 1000, 'malformed');
  ledger.published('MES', 'good', 1000, 'good');
  ledger.finished('bad', 'dead-lettered', 1100);
  ledger.finished('good', 'updated', 1100);
  assert.deepEqual(ledger.summary(new Set(['bad'])).misjudged, []);
  assert.deepEqual(ledger.summary(new Set(['good'])).misjudged, ['bad', 'good']);
});

test('percentiles are by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.equal(percentile(hundred, 0.5), 50);
  assert.equal(percentile(hundred, 0.99), 99);
  assert.equal(percentile(hundred, 1), 100);
  assert.equal(percentile([], 0.5), 0);
});
