import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type DeletionRow, playRow, rowName, takeOver } from './deletion-row.ts';
import { deletionStage } from './deletion-stage.ts';

/** K13 of the faults, as far as each order differs from the others; `make deletions` goes through all of them. */

const stage = await deletionStage({ after });

const late = { wait: 'LongerThanSecretCache', deletionPolicy: 'Retain' } as const;
const atOnce = { wait: 'None', deletionPolicy: 'Retain' } as const;
const RETAINED: readonly DeletionRow[] = [
  { ...late, order: ['redis', 'policy'] },
  { ...late, order: ['rabbitmq-admin', 'policy'] },
  { ...late, order: ['rolebinding', 'policy'] },
  { ...late, order: ['redis', 'rabbitmq-admin', 'rolebinding', 'policy'] },
  { ...late, order: ['rolebinding', 'redis', 'rabbitmq-admin', 'namespace'] },
  { ...late, order: ['redis', 'policy', 'namespace'] },
  { ...atOnce, order: ['rabbitmq-admin', 'redis', 'policy'] },
  { ...atOnce, order: ['policy', 'redis', 'rabbitmq-admin', 'rolebinding', 'namespace'] },
  { ...atOnce, order: ['namespace'] },
];

describe('A policy that is deleted with Retain', { concurrency: 3 }, () => {
  for (const row of RETAINED) {
    it(`retires its TTL table and keeps its queue: ${rowName(row)}`, async () => {
      const { table, queue, queues, scene } = await playRow(stage, row);
      assert.equal(table?.state, 'Retired');
      assert.deepEqual([...queues].sort(), [queue, `${queue}.dead`]);
      await scene[Symbol.asyncDispose]();
    });
  }
});

const DELETED: readonly DeletionRow[] = [
  { ...late, deletionPolicy: 'Delete', order: ['redis', 'rabbitmq-admin', 'rolebinding', 'policy'] },
  { ...atOnce, deletionPolicy: 'Delete', order: ['namespace'], consumerStaysMs: 3_000 },
];

describe('A policy that is deleted with Delete', { concurrency: 3 }, () => {
  for (const row of DELETED) {
    it(`leaves neither table nor queues: ${rowName(row)}`, async () => {
      const { table, queues, scene } = await playRow(stage, row);
      assert.equal(table, null);
      assert.deepEqual(queues, []);
      await scene[Symbol.asyncDispose]();
    });
  }
});

const RESTARTED: readonly DeletionRow[] = [
  { ...late, order: ['redis', 'rabbitmq-admin', 'policy'], restartAt: 2 },
  { ...late, order: ['rolebinding', 'redis', 'namespace'], restartAt: 2 },
  { ...atOnce, order: ['namespace'], restartAt: 0 },
];

describe('A policy that is deleted while the operator restarts', { concurrency: 3 }, () => {
  for (const row of RESTARTED) {
    it(`leaves nothing that keeps the next policy out: ${rowName(row)}`, async () => {
      const outcome = await playRow(stage, row);
      assert.notEqual(outcome.table, null);
      const heir = await takeOver(stage, outcome);
      assert.deepEqual([heir.table?.state, heir.table?.uid], ['Active', heir.uid]);
      const old = new RegExp(outcome.owner);
      assert.match(heir.queueNotes.join(), old);
      if (outcome.table?.state === 'Active') assert.match(heir.prefixNotes.join(), old);
      await outcome.scene[Symbol.asyncDispose]();
      await heir.scene[Symbol.asyncDispose]();
    });
  }
});
