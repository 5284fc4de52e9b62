import { type DeletionRow, type Outcome, takeOver } from '../integration/deletion-row.ts';
import type { DeletionStage } from '../integration/deletion-stage.ts';

/** What must not be after a deletion, as a sentence; undefined: all is right. */
export async function wrongAfter(
  stage: DeletionStage,
  row: DeletionRow,
  outcome: Outcome,
): Promise<string | undefined> {
  if (row.restartAt !== undefined) return wrongAfterRestart(stage, outcome);
  const { table, queue, queues } = outcome;
  const state = table?.state ?? 'none';
  const stands = [...queues].sort().join(', ');
  if (row.deletionPolicy === 'Delete') {
    if (state !== 'none') return `expected no TTL table, it is ${state}`;
    return stands === '' ? undefined : `expected no queue, there are ${stands}`;
  }
  if (state !== 'Retired') return `expected a retired TTL table, it is ${state}`;
  return stands === `${queue}, ${queue}.dead` ? undefined : `expected queue ${queue}, there are ${stands}`;
}

/** The credentials may be lost with the process; then the next policy takes over what is left. */
async function wrongAfterRestart(stage: DeletionStage, outcome: Outcome): Promise<string | undefined> {
  const heir = await takeOver(stage, outcome);
  await heir.scene[Symbol.asyncDispose]();
  const { table, uid } = heir;
  if (table?.state !== 'Active' || table.uid !== uid) return 'expected the TTL table of the next policy';
  const wasActive = outcome.table?.state === 'Active';
  if (wasActive && !heir.prefixNotes.some((note) => note.includes(outcome.owner))) {
    return `expected an event that names ${outcome.owner}`;
  }
  return undefined;
}
