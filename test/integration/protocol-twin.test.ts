import { after, test } from 'node:test';
import { ground, ownGround } from '../protocol/grounds.ts';
import { playSequences, type Tally } from '../protocol/sequences.ts';
import { ownCluster, ownRedis, testRedis } from '../servers/index.ts';

/** `make protocol` plays a million of these commands; PROTOCOL_SEED and PROTOCOL_SEQUENCES change which and how many. */
const SEED = Number(process.env.PROTOCOL_SEED ?? Date.now() % 2 ** 31);
const SEQUENCES = Number(process.env.PROTOCOL_SEQUENCES ?? 320);
const LANES = 16;

/** Sequences side by side, so that Redis and we do not wait for each other; lane i has the seed SEED + i. */
async function play(on: Parameters<typeof playSequences>[0], sequences: number): Promise<void> {
  const tally: Tally = { commands: 0, sequences: 0 };
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    playSequences(on, { seed: SEED + lane, sequences: Math.ceil(sequences / LANES), maxCommands: 60 }, tally),
  );
  await Promise.all(lanes);
}

test(`on one Redis the scripts do what the protocol says, in any sequence (seed ${SEED})`, async (t) => {
  const { uri, keyPrefix } = await testRedis(t);
  await play(await ground({ after }, uri, keyPrefix), SEQUENCES);
});

test(`on a Cluster of three masters they do the same (seed ${SEED})`, async (t) => {
  const { uri } = await ownCluster(t);
  await play(await ground({ after }, uri), SEQUENCES / 2);
});

test(`they do it too while Redis runs out of memory now and then (seed ${SEED})`, async (t) => {
  const { uri } = await ownRedis(t);
  const on = await ownGround({ after }, uri);
  const options = { seed: SEED, sequences: Math.ceil(SEQUENCES / 4), maxCommands: 60, withMemory: true };
  await playSequences(on, options, { commands: 0, sequences: 0 });
});
