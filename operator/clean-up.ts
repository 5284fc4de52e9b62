/** What a policy leaves behind in Redis and at the broker, taken away as far as its deletion policy says. */
import { deadLetterQueueName, queueName } from '../api/names.ts';
import { type Attempt, type CleanUp, URGENT_ATTEMPTS, unavailableSince } from './deletion.ts';
import { endWorkers, stopPods } from './end-workers.ts';
import type { KeptCredentials, StoreDeletion } from './memory.ts';
import type { Seen } from './observe.ts';
import { tellChanges } from './outside.ts';
import type { Problem } from './ports.ts';
import type { World } from './world.ts';

/**
 * Each store is tried, whatever became of the other, and not again once it is clean. An urgent deletion stops the
 * workers and does not wait for them: the retirement must reach Redis even so.
 */
export async function cleanUpAfter(world: World, seen: Seen, urgent: boolean): Promise<readonly Attempt[]> {
  const { memory, policy } = seen;
  if (policy.spec.deletionPolicy === 'Delete') {
    const ending = urgent
      ? await stopPods(world, seen)
      : await endWorkers(world, seen, () => cleanUpBroker(world, seen));
    if (ending !== undefined) return [heldUp(seen, ending)];
  }
  return [
    await attempt(world, memory.redisDeletion, urgent, () => cleanUpRedis(world, seen)),
    await attempt(world, memory.brokerDeletion, urgent, () => cleanUpBroker(world, seen)),
  ];
}

async function attempt(
  { clock }: World,
  store: StoreDeletion,
  urgent: boolean,
  cleanUp: () => Promise<CleanUp>,
): Promise<Attempt> {
  const isOver = store.last?.kind === 'Clean' || (urgent && store.urgentFailures >= URGENT_ATTEMPTS);
  const result = store.last !== undefined && isOver ? store.last : await cleanUp();
  if (result !== store.last) {
    store.last = result;
    store.urgentFailures = urgent && result.kind === 'Problem' ? store.urgentFailures + 1 : 0;
  }
  const now = clock.monotonic();
  store.unavailableSince = unavailableSince(result, store.unavailableSince, now);
  return {
    cleanUp: result,
    urgentFailures: store.urgentFailures,
    unavailableForSeconds: (now - (store.unavailableSince ?? now)) / 1000,
  };
}

/** Neither store has been tried in this pass, so that neither counts as unavailable without a break. */
function heldUp({ memory, policy }: Seen, cleanUp: CleanUp): Attempt {
  memory.redisDeletion.unavailableSince = undefined;
  memory.brokerDeletion.unavailableSince = undefined;
  const records = `records and TTL table of key prefix ${policy.spec.redis.keyPrefix} in Redis`;
  const orphaned = [...queuesOf(policy), records];
  return { cleanUp: { ...cleanUp, orphaned }, urgentFailures: 0, unavailableForSeconds: 0 };
}

async function cleanUpRedis(world: World, { policy, credentials, conflict, memory }: Seen): Promise<CleanUp> {
  if (conflict?.reason === 'KeyPrefixConflict') return { kind: 'Clean', orphaned: [] };
  const { keyPrefix } = policy.spec.redis;
  const table = `the TTL table of key prefix ${keyPrefix} in Redis, which readers go on to trust until it is removed`;
  const candidates = candidatesOf(memory.redisCredentials);
  if (policy.spec.deletionPolicy === 'Retain') {
    const result = await withEach(candidates, (redis) => world.ttl.retire(policy, redis));
    if (result === undefined) return missing(credentials.problems, [table]);
    return result.kind === 'Problem' ? { ...result, orphaned: [table] } : { kind: 'Clean', orphaned: [] };
  }
  const result = await withEach(candidates, (redis) => world.ttl.erase(policy, redis));
  if (result === undefined) return missing(credentials.problems, [table]);
  if (result.kind === 'Erased') return { kind: 'Clean', orphaned: [] };
  if (result.kind === 'Waiting') {
    return {
      ...result,
      orphaned: [`records of key prefix ${keyPrefix} in Redis, which nobody reads any more`],
    };
  }
  return { ...result, orphaned: [`${table}, and its records`] };
}

async function cleanUpBroker(world: World, seen: Seen): Promise<CleanUp> {
  const { policy, credentials, conflict, memory } = seen;
  if (conflict?.reason === 'QueueConflict') return { kind: 'Clean', orphaned: [] };
  const { deletionPolicy } = policy.spec;
  const candidates = deletionPolicy === 'Retain' ? [null] : candidatesOf(memory.managementCredentials);
  const result = await withEach(candidates, (management) =>
    world.topology.release(policy, management, deletionPolicy),
  );
  if (result === undefined) return missing(credentials.problems, queuesOf(policy));
  await tellChanges(world, policy, result.changes);
  if (result.kind === 'Released') return { kind: 'Clean', orphaned: result.leftovers };
  return { ...result, orphaned: queuesOf(policy) };
}

/**
 * Those that last worked first: what was written is where they lead to. Those of the Secret may be newer, where a
 * password has just been rotated.
 */
function candidatesOf<C>({ worked, read }: KeptCredentials<C>): readonly C[] {
  const candidates = [worked, read].filter((one) => one !== undefined);
  return JSON.stringify(worked) === JSON.stringify(read) ? candidates.slice(0, 1) : candidates;
}

type Answered = { readonly kind: string } | Problem;

/** The first answer that is no problem of access, else the last one; undefined without candidates. */
async function withEach<C, R extends Answered>(
  candidates: readonly C[],
  call: (candidate: C) => Promise<R>,
): Promise<R | undefined> {
  let result: R | undefined;
  for (const candidate of candidates) {
    result = await call(candidate);
    if (result.kind !== 'Problem' || ('reason' in result && result.reason === 'QueueNotEmpty')) break;
  }
  return result;
}

function missing(problems: readonly Problem[], orphaned: readonly string[]): CleanUp {
  const message = problems[0]?.message ?? 'a Secret cannot be used';
  const reason = problems[0]?.reason ?? 'SecretNotFound';
  return { kind: 'Problem', reason, message, retryable: false, orphaned };
}

function queuesOf({ metadata, spec }: Seen['policy']): readonly string[] {
  const queue = queueName(metadata, spec.rabbitmq.queue.name, spec.rabbitmq.queue.revision);
  return [`queue ${queue} with its bindings`, `queue ${deadLetterQueueName(queue)}`];
}
