/** Keeps the broker equal to the policies: observe, compare, change, read back. */
import type { OrderCachePolicy } from '../api/policy.ts';
import { UNKNOWN_OWNERS } from './claim-owners.ts';
import type { ManagementCredentials } from './connection-credentials.ts';
import type { Change, Problem, ReleaseResult, Topology, TopologyOptions, TopologyResult } from './ports.ts';
import { BrokerFailure, brokerProblem } from './rabbitmq-failure.ts';
import { openManagement } from './rabbitmq-management.ts';
import { QueueGauge } from './rabbitmq-queue-gauge.ts';
import { type AdoptionContext, withAdoptable, withQueuesOfOthers } from './topology-adopt.ts';
import { applyChanges } from './topology-apply.ts';
import { type DesiredTopology, desiredTopology } from './topology-desired.ts';
import { diffTopology, type TopologyDiff } from './topology-diff.ts';
import { QuietQueues } from './topology-drain.ts';
import { observeTopology } from './topology-observe.ts';
import { type ObservedTopology, oldQueues } from './topology-observed.ts';
import { deleteTopology, retained } from './topology-release.ts';
import { type RetireContext, retireDeadLetterQueue, retireWorkQueue, retryTimes } from './topology-retire.ts';

export function createTopology(options: TopologyOptions): Topology {
  const { installation, owners = UNKNOWN_OWNERS, formerInstallation } = options;
  const inSession = sessions(options, new QuietQueues());
  const adoption = ({ metadata }: OrderCachePolicy) => ({ policy: metadata, owners, formerInstallation });
  return {
    reconcile: (policy, credentials, onQueueLost) =>
      inSession(credentials, async (context, changes) => {
        const desired = desiredTopology(policy, installation);
        const wasThere = policy.status?.queue === desired.queue;
        const lost = wasThere ? onQueueLost : undefined;
        const result = await reconcile(context, adoption(policy), desired, lost);
        return { ...result, changes: changes() };
      }),
    release: (policy, credentials, deletionPolicy) => {
      const desired = desiredTopology(policy, installation);
      if (deletionPolicy === 'Retain') return retain(desired);
      if (credentials === null) return retain(desired);
      return inSession(credentials, (context, changes) =>
        release(context, adoption(policy), desired, changes),
      );
    },
    close: async () => {},
  };
}

interface Observed {
  readonly observed: ObservedTopology;
  /** As given, with the owners whose queues may be taken over. */
  readonly desired: DesiredTopology;
}

async function observe(
  { management }: RetireContext,
  adoption: AdoptionContext,
  given: DesiredTopology,
): Promise<Observed> {
  const observed = await observeTopology(management, given);
  const own = await withQueuesOfOthers(adoption, observed, given);
  const desired = await withAdoptable(adoption, observed, own);
  // Bindings are read of queues that are ours.
  if (desired !== given) return { observed: await observeTopology(management, desired), desired };
  return { observed, desired };
}

type Reconciled = { kind: 'Declared' } & Omit<Extract<TopologyResult, { kind: 'Declared' }>, 'changes'>;

async function reconcile(
  context: RetireContext,
  adoption: AdoptionContext,
  given: DesiredTopology,
  onQueueLost: (() => Promise<void>) | undefined,
): Promise<Reconciled | Problem> {
  const before = await observe(context, adoption, given);
  const { desired } = before;
  const { observed, diff } = await makeEqual(context, before, onQueueLost);
  const [problem] = diff.problems;
  if (problem !== undefined) return problem;
  if (diff.changes.length > 0) return undone(diff);
  const { drainQueues, recheckAfterSeconds } = await drain(context, observed, desired);
  return {
    kind: 'Declared',
    queue: desired.queue,
    drainQueues,
    deadLetterQueue: desired.deadLetterQueue,
    retrySteps: desired.retrySteps,
    ...(recheckAfterSeconds === undefined ? {} : { recheckAfterSeconds }),
  };
}

/** What the broker says after the changes; the same as before when there was nothing to change. */
async function makeEqual(
  context: RetireContext,
  { observed, desired }: Observed,
  onQueueLost: (() => Promise<void>) | undefined,
): Promise<{ observed: ObservedTopology; diff: TopologyDiff }> {
  const { management, mayWrite, done } = context;
  const diff = diffTopology(observed, desired);
  for (const { queue, owner } of diff.adopted) done(adopted(queue, owner));
  if (diff.changes.length === 0) return { observed, diff };
  // Before it is declared: an operator that is killed in between finds it missing again.
  if (!observed.queues.has(desired.queue)) await onQueueLost?.();
  await applyChanges(management, diff.changes, mayWrite, done);
  const after = await observeTopology(management, desired);
  return { observed: after, diff: diffTopology(after, desired) };
}

function adopted(queue: string, owner: string): Change {
  const message = `Adopted queue ${queue} with the messages in it; its owner is ${owner}`;
  return { action: 'Adopted', object: 'Queue', name: queue, message };
}

function undone({ changes }: TopologyDiff): Problem {
  const kinds = [...new Set(changes.map(({ kind }) => kind))].join(', ');
  const message = `The broker does not have what was just declared (${kinds}); somebody else may be changing it`;
  return { kind: 'Problem', reason: 'BrokerUnavailable', message, retryable: true };
}

const RECHECK_SECONDS = 5;

/** Older revisions: which ones workers must still consume. */
async function drain(
  context: RetireContext,
  observed: ObservedTopology,
  desired: DesiredTopology,
): Promise<{ drainQueues: string[]; recheckAfterSeconds: number | undefined }> {
  const old = oldQueues(observed, desired);
  for (const queue of old.orphanedDeadLetters) await retireDeadLetterQueue(context, queue);
  const drainQueues: string[] = [];
  if (old.work.length === 0) return { drainQueues, recheckAfterSeconds: undefined };
  const retry = await retryTimes(context, observed, desired);
  let gone = 0;
  for (const queue of old.work) {
    const { kind } = await retireWorkQueue(context, queue, retry, observed, desired);
    if (kind === 'InUse' || kind === 'Quiet') drainQueues.push(queue);
    if (kind === 'Gone') gone += 1;
  }
  return { drainQueues, recheckAfterSeconds: gone < old.work.length ? RECHECK_SECONDS : undefined };
}

async function release(
  context: RetireContext,
  adoption: AdoptionContext,
  given: DesiredTopology,
  changes: () => readonly Change[],
): Promise<ReleaseResult> {
  try {
    const { observed, desired } = await observeOwn(context, adoption, given);
    return { ...(await deleteTopology(context, observed, desired)), changes: changes() };
  } catch (error) {
    // The vhost is gone, and all that was in it.
    if (error instanceof BrokerFailure && error.kind === 'NotFound') {
      return { kind: 'Released', changes: changes(), leftovers: [] };
    }
    throw error;
  }
}

/** What has not been taken over yet is left to the next policy. */
async function observeOwn(
  context: RetireContext,
  adoption: AdoptionContext,
  given: DesiredTopology,
): Promise<Observed> {
  if (given.knownQueue !== undefined) return observe(context, adoption, given);
  const observed = await observeTopology(context.management, given);
  return { observed, desired: await withQueuesOfOthers(adoption, observed, given) };
}

async function retain(desired: DesiredTopology): Promise<ReleaseResult> {
  return { kind: 'Released', changes: [], leftovers: retained(desired) };
}

type Failed = Problem & { readonly changes: readonly Change[] };
type Use<R> = (context: RetireContext, changes: () => readonly Change[]) => Promise<R>;

/** Opens what a call needs, with the credentials of this moment, and closes it whatever happens. */
function sessions({ mayWrite }: TopologyOptions, quiet: QuietQueues) {
  return async <R>(credentials: ManagementCredentials, use: Use<R>): Promise<R | Failed> => {
    const management = openManagement(credentials);
    const gauge = new QueueGauge(credentials);
    const changes: Change[] = [];
    const done = (change: Change) => changes.push(change);
    try {
      const context = { management, gauge, credentials, quiet, mayWrite, done, now: () => performance.now() };
      return await use(context, () => changes);
    } catch (error) {
      return { ...brokerProblem(error, credentials), changes };
    } finally {
      await Promise.all([management.close(), gauge.close()]);
    }
  };
}
