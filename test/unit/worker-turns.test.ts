import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OrderEvents } from '../../worker/batch.ts';
import { Turns } from '../../worker/turns.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const source = new RecordingSource();
const order = (orderId: string, ...tags: number[]): OrderEvents => ({
  orderId,
  events: tags.map((tag) => ({
    delivery: delivered(source, tag),
    event: { orderId, status: 'PAID', timestampMs: 0, version: null },
  })),
  versioned: false,
});
const summary = (orders: readonly OrderEvents[]) =>
  orders.map(({ orderId, events }) => [orderId, events.map(({ delivery }) => delivery.tag)]);

test('an order is in one batch at a time, and what arrives meanwhile has the next turn in order', () => {
  const turns = new Turns();
  const first = turns.take([order('a', 1), order('b', 2)]);
  assert.deepEqual(summary(turns.take([order('a', 3), order('c', 4)])), [['c', [4]]]);
  assert.deepEqual(summary(turns.take([order('a', 5)])), []);
  const second = turns.pass(first);
  assert.deepEqual(summary(second), [['a', [3, 5]]]);
  assert.deepEqual(summary(turns.take([order('a', 6), order('b', 7)])), [['b', [7]]]);
  const third = turns.pass(second);
  assert.deepEqual(summary(third), [['a', [6]]]);
  assert.deepEqual(summary(turns.pass(third)), []);
  assert.deepEqual(summary(turns.take([order('a', 8)])), [['a', [8]]]);
});
