import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  publish,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';

test('WriteThrough: the record of a cached order becomes its row, an order that is not cached is left alone', async (t) => {
  const stage = await setStage(t);
  await writeRow(stage, 'cached', 'SHIPPED', 2);
  await writeRow(stage, 'other', 'SHIPPED', 2);
  await writeRecord(stage, 'cached', 'PAID', 1);
  const worker = await startConsuming(t, stage);

  await publish(stage, [{ orderId: 'cached' }, { orderId: 'other' }]);
  const { outcomes } = await untilAcknowledged(worker, 2);

  assert.equal(await statusInCache(stage, 'cached'), 'SHIPPED');
  assert.equal(await stage.redis.exists(`${stage.keyPrefix}other`), 0);
  assert.deepEqual([outcomes.updated, outcomes.absent], [1, 1]);
});
