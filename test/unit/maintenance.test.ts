import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  advanced,
  begun,
  type CatchUpState,
  cursorOf,
  decideCatchUp,
  decodeState,
  encodeState,
  reportOf,
  walked,
} from '../../maintenance/catch-up-state.ts';
import { infoField, type Place, placeOf, readClusterNodes } from '../../maintenance/redis-place.ts';
import { readMaintenanceSettings } from '../../maintenance/settings.ts';

const NONE = { requested: '', queueLost: '' };
const NOW = '2026-11-22T10:00:00.000Z';
const place = (...runIds: string[]): Place => ({
  masters: runIds.map((runId) => ({ runId, slots: `slots of ${runId}` })),
  unsettled: false,
});
const here = place('a', 'b');
const running = begun('FirstStart', here, null, NONE, NOW);
const nothing = { orders: 0, updated: 0, dropped: 0 };

function finished(state: CatchUpState, at = here): CatchUpState {
  const done = ['a', 'b'].reduce((now, runId) => advanced(now, runId, '0', nothing), state);
  return walked(done, at, NOW);
}

describe('whether a catch-up is due', () => {
  const done = finished(running);
  const rows: readonly [string, CatchUpState | null, Place, Partial<typeof NONE>, boolean, string][] = [
    ['nothing is known', null, here, {}, false, 'Begin FirstStart'],
    ['what was known is lost', null, here, {}, true, 'Begin RedisChanged'],
    ['all is as it was', done, here, {}, true, 'Rest'],
    ['another process is master', done, place('a', 'c'), {}, true, 'Begin RedisChanged'],
    ['there is one master more', done, place('a', 'b', 'c'), {}, true, 'Begin RedisChanged'],
    [
      'slots have moved since',
      done,
      { ...here, masters: here.masters.map((one) => ({ ...one, slots: 'x' })) },
      {},
      true,
      'Rest',
    ],
    ['it is asked for', done, here, { requested: 'r' }, true, 'Begin Requested'],
    ['the queue was lost', done, here, { queueLost: 'q' }, true, 'Begin QueueLost'],
    [
      'it was asked for before',
      { ...done, requests: { ...NONE, requested: 'r' } },
      here,
      { requested: 'r' },
      true,
      'Rest',
    ],
    ['a request is taken back', { ...done, requests: { ...NONE, requested: 'r' } }, here, {}, true, 'Rest'],
    ['it is under way', running, here, {}, false, 'Resume'],
    ['it is under way and asked for', running, here, { requested: 'r' }, false, 'Begin Requested'],
    ['it is under way and Redis fails over', running, place('c'), {}, false, 'Begin RedisChanged'],
  ];
  for (const [what, known, at, asked, had, expected] of rows) {
    test(`${what}: ${expected}`, () => {
      const decision = decideCatchUp(known, at, { ...NONE, ...asked }, had);
      assert.equal(decision.kind === 'Begin' ? `Begin ${decision.trigger}` : decision.kind, expected);
    });
  }

  test('a catch-up covers every request that there is when it begins, and those before it', () => {
    const next = begun(
      'RedisChanged',
      here,
      { ...running, requests: { requested: 'r', queueLost: '' } },
      { requested: '', queueLost: 'q' },
      NOW,
    );
    assert.deepEqual(next.requests, { requested: 'r', queueLost: 'q' });
  });
});

describe('the walk', () => {
  test('goes on at each master where it was', () => {
    const state = advanced(running, 'a', '17', { orders: 3, updated: 1, dropped: 1 });
    assert.deepEqual([cursorOf(state, 'a'), cursorOf(state, 'b'), cursorOf(state, 'c')], ['17', '0', null]);
    assert.equal(cursorOf(advanced(state, 'a', '0', nothing), 'a'), null);
    assert.deepEqual(reportOf(state, false), {
      state: 'Running',
      trigger: 'FirstStart',
      startedAt: NOW,
      completedAt: null,
      orders: 3,
      updated: 1,
      dropped: 1,
    });
  });

  test('is complete when every master was walked and the keys lie where they lay', () => {
    assert.equal(finished(running).completedAt, NOW);
    assert.equal(walked(advanced(running, 'a', '0', nothing), here, NOW).completedAt, null);
  });

  const moves: readonly [string, Place][] = [
    ['slots have moved', { ...here, masters: here.masters.map((one) => ({ ...one, slots: 'moved' })) }],
    ['slots are being moved', { ...here, unsettled: true }],
    ['a master was replaced', place('a', 'c')],
    ['a master came', place('a', 'b', 'c')],
  ];
  for (const [what, at] of moves) {
    test(`begins again at every master when meanwhile ${what}`, () => {
      const again = finished(running, at);
      assert.equal(again.completedAt, null);
      assert.deepEqual(
        again.walks.map(({ runId, cursor }) => `${runId} ${cursor}`),
        at.masters.map(({ runId }) => `${runId} 0`),
      );
    });
  }

  test('is kept without loss, and what cannot be read is walked anew', () => {
    const state = finished(advanced(running, 'a', '18446744073709551615', nothing));
    assert.deepEqual(decodeState(encodeState(state)), state);
    for (const text of [null, '', '{', '{}', '[]', 'null', encodeState({ ...state, orders: -1 })])
      assert.equal(decodeState(text), null, `${text}`);
  });
});

describe('where the keys lie', () => {
  const NODES = `07c3 127.0.0.1:30004@31004 slave e7d1 0 1426238317239 4 connected
67ed 127.0.0.1:30002@31002,host master - 0 1426238316232 2 connected 5461-10922
292f 127.0.0.1:30003@31003 master - 0 1426238318243 3 connected 10923-16383
aaaa 127.0.0.1:30009@31009 master - 0 1426238318243 9 connected
e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460
`;
  test('a master of a Cluster says which slots it holds since when, and who else holds some', () => {
    assert.deepEqual(readClusterNodes(NODES), {
      nodeId: 'e7d1',
      slots: 'e7d1 1 0-5460',
      moving: false,
      owners: ['67ed', '292f', 'e7d1'],
    });
    assert.equal(readClusterNodes(NODES.replace('0-5460', '0-5460 [93->-292f]'))?.moving, true);
    assert.equal(readClusterNodes(NODES.replace('myself,master', 'myself,slave')), undefined);
    assert.equal(readClusterNodes(''), undefined);
  });

  test('is not settled while slots move or a master with slots was not asked', () => {
    const view = (nodeId: string, owners: string[], moving = false) => ({
      runId: `run ${nodeId}`,
      cluster: { nodeId, slots: nodeId, moving, owners },
    });
    assert.equal(placeOf([view('b', ['a', 'b']), view('a', ['a', 'b'])]).unsettled, false);
    assert.equal(placeOf([view('a', ['a', 'b'])]).unsettled, true);
    assert.equal(placeOf([view('a', ['a'], true)]).unsettled, true);
    assert.deepEqual(placeOf([{ runId: 'x', cluster: undefined }]), {
      masters: [{ runId: 'x', slots: '' }],
      unsettled: false,
    });
  });

  test('the run id is read from INFO', () => {
    assert.equal(infoField('# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n', 'run_id'), 'abc');
    assert.equal(infoField('run_idx:abc', 'run_id'), undefined);
  });
});

describe('the settings of the maintenance pod', () => {
  const RATE = 'ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND';
  test('have a rate, requests and perhaps an outbox', () => {
    const result = readMaintenanceSettings({ [RATE]: '1000', ORDERCACHE_OUTBOX_TABLE: 'shop.order_outbox' });
    assert.deepEqual(result, {
      kind: 'Valid',
      settings: { maxOrdersPerSecond: 1000, requests: NONE, outboxTable: 'shop.order_outbox' },
    });
  });
  const wrong: readonly [string, Record<string, string>, RegExp][] = [
    ['no rate', {}, /^ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND: expected/],
    ['a rate of 0', { [RATE]: '0' }, /^ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND: expected/],
    ['a rate that is no number', { [RATE]: 'NaN' }, /^ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND: expected/],
    [
      'a table that is a statement',
      { [RATE]: '1', ORDERCACHE_OUTBOX_TABLE: 'x; drop' },
      /^ORDERCACHE_OUTBOX_TABLE: expected/,
    ],
  ];
  for (const [what, variables, complaint] of wrong) {
    test(`with ${what} are refused`, () => {
      const result = readMaintenanceSettings(variables);
      assert.match(result.kind === 'Invalid' ? result.message : '', complaint);
    });
  }
});
