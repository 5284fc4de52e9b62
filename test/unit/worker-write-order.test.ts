import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decoded } from '../../api/event.ts';
import type { EventSettings, WorkerConfig } from '../../api/worker-config.ts';
import { newest, orderedEvents, type WriteOrder, writeOrder } from '../../worker/write-order.ts';
import { DATABASE, EVENT_SETTINGS, WORKER_CONFIG } from '../fixtures/worker-config.ts';

const NOW = Date.UTC(2026, 10, 22, 10, 0, 0);

function config(writer: 'Initiator' | 'Worker', event: Partial<EventSettings> = {}): WorkerConfig {
  return {
    ...WORKER_CONFIG,
    strategy: 'WriteThrough',
    event: { ...EVENT_SETTINGS, ...event },
    database: { ...DATABASE, writer },
  };
}

const versions = { versionPointer: '/version' };
const times = { versionPointer: '/version', versionFormat: 'Timestamp' } as const;

test('events are ordered where the worker writes: by their versions, or else by their times', () => {
  assert.equal(writeOrder(config('Initiator')), undefined);
  assert.equal(writeOrder(config('Worker')), 'Timestamp');
  assert.equal(writeOrder(config('Worker', versions)), 'Version');
  assert.equal(writeOrder(config('Worker', times)), 'Timestamp');
});

/** What the worker makes of an event that says this. */
function decoded(settings: WorkerConfig, event: { timestampMs: number; version: string | null }): Decoded {
  const decode = orderedEvents(
    () => ({ kind: 'Event', event: { orderId: 'a', status: 'PAID', ...event } }),
    settings,
    () => NOW,
  );
  return decode(Buffer.alloc(0), {});
}

function versionOf(settings: WorkerConfig, event: { timestampMs: number; version: string | null }) {
  const result = decoded(settings, event);
  return result.kind === 'Event' ? result.event.version : `${result.reason} ${result.field}`;
}

test('without a version an event has its time as one, to the microsecond', () => {
  const event = { timestampMs: NOW + 0.123, version: null };
  assert.equal(versionOf(config('Worker'), event), '1795341600000123');
  assert.equal(versionOf(config('Initiator'), event), null);
  for (let micro = 0; micro < 2_000; micro++) {
    const timestampMs = Number(`${NOW - 2}.${String(micro % 1000).padStart(3, '0')}`);
    assert.equal(
      versionOf(config('Worker'), { timestampMs, version: null }),
      `${NOW - 2}${String(micro % 1000).padStart(3, '0')}`,
    );
  }
});

test('a time that orders events is refused beyond the declared skew, and no other time is', () => {
  const cases: [WorkerConfig, { timestampMs: number; version: string | null }, string | null][] = [
    [config('Worker'), { timestampMs: NOW + 60_000, version: null }, '1795341660000000'],
    [config('Worker'), { timestampMs: NOW + 60_000.001, version: null }, 'TimestampAhead /timestamp'],
    [config('Worker', times), { timestampMs: 0, version: '1795341660000000' }, '1795341660000000'],
    [config('Worker', times), { timestampMs: 0, version: '1795341660000001' }, 'TimestampAhead /version'],
    [config('Worker', versions), { timestampMs: NOW + 1e9, version: '7' }, '7'],
    [config('Initiator'), { timestampMs: NOW + 1e9, version: null }, null],
    [config('Initiator', times), { timestampMs: 0, version: '9'.repeat(20) }, '9'.repeat(20)],
  ];
  for (const [settings, event, expected] of cases) assert.equal(versionOf(settings, event), expected);
});

test('an event without the version that would order it is malformed', () => {
  for (const ordered of [config('Worker', versions), config('Worker', times)]) {
    assert.equal(versionOf(ordered, { timestampMs: NOW, version: null }), 'InvalidVersion /version');
  }
  assert.equal(versionOf(config('Initiator', versions), { timestampMs: NOW, version: null }), null);
});

test('the newest event of an order is the same in whatever order they came', () => {
  const cases: [WriteOrder, [string, string][], string][] = [
    [
      'Version',
      [
        ['9', 'B'],
        ['10', 'A'],
        ['8', 'C'],
      ],
      '10 A',
    ],
    [
      'Timestamp',
      [
        ['9', 'B'],
        ['10', 'A'],
        ['8', 'C'],
      ],
      '10 A',
    ],
    [
      'Timestamp',
      [
        ['5', 'PAID'],
        ['5', 'SENT'],
        ['5', 'NEW'],
      ],
      '5 SENT',
    ],
    // UTF-8 as the database orders it: a private character is before one beyond the first plane.
    [
      'Timestamp',
      [
        ['5', '\u{1F600}'],
        ['5', '\uE000'],
      ],
      '5 \u{1F600}',
    ],
  ];
  for (const [order, events, expected] of cases) {
    const changes = events.map(([version, status]) => ({ orderId: 'a', version, status }));
    for (const shuffled of [changes, changes.toReversed()]) {
      const { version, status } = newest(shuffled, order);
      assert.equal(`${version} ${status}`, expected);
    }
  }
});

test('of two events of one version the first stays, where versions decide', () => {
  const changes = ['PAID', 'SENT'].map((status) => ({ orderId: 'a', version: '5', status }));
  assert.equal(newest(changes, 'Version').status, 'PAID');
});
