/** Queues of this policy's names that another owner has left behind. */
import { deadLetterQueueName, ownerOf, type PolicyRef } from '../api/names.ts';
import type { ClaimOwners } from './claim-owners.ts';
import type { DesiredTopology } from './topology-desired.ts';
import { isOurs, isRevisionOf, type ObservedTopology, ownerOfQueue } from './topology-observed.ts';

export interface AdoptionContext {
  readonly policy: PolicyRef;
  readonly owners: ClaimOwners;
  readonly formerInstallation: string | undefined;
}

/**
 * Adds to `adoptFrom` the owners that do not hold their queue any more. An argument of a queue cannot be changed, so a
 * queue that was taken over bears the old owner for ever, and is found anew each time.
 */
export async function withAdoptable(
  { policy, owners, formerInstallation }: AdoptionContext,
  observed: ObservedTopology,
  desired: DesiredTopology,
): Promise<DesiredTopology> {
  const found = new Set<string>();
  for (const queue of observed.queues.values()) {
    const owner = ownerOfQueue(queue);
    if (owner !== undefined && isRevisionOf(queue.name, desired) && !isOurs(queue, desired)) found.add(owner);
  }
  const inUse = desired.knownQueue !== undefined && isRevisionOf(desired.knownQueue, desired);
  const adoptable: string[] = [];
  for (const owner of found) {
    const isFormerSelf = formerInstallation !== undefined && owner === ownerOf(formerInstallation, policy);
    if (isFormerSelf) {
      if (inUse) adoptable.push(owner);
      continue;
    }
    const state = await owners.stateOf(owner, ({ status }) => {
      return status?.queue !== undefined && isRevisionOf(status.queue, desired);
    });
    if (state === 'Gone' || (state === 'Unknown' && inUse)) adoptable.push(owner);
  }
  return adoptable.length === 0 ? desired : { ...desired, adoptFrom: [...desired.adoptFrom, ...adoptable] };
}

/**
 * Adds to `queuesOfOthers` the queues under this policy's mark that another policy has taken over since: they are not
 * drained or deleted with the old ones.
 */
export async function withQueuesOfOthers(
  { policy, owners }: AdoptionContext,
  observed: ObservedTopology,
  desired: DesiredTopology,
): Promise<DesiredTopology> {
  const marked = [...observed.queues.values()].filter(
    (queue) => isOurs(queue, desired) && !isRevisionOf(queue.name, desired),
  );
  if (marked.length === 0) return desired;
  const used = [...(await owners.queuesOfOthers(policy))];
  const names = new Set(used.flatMap((queue) => [queue, deadLetterQueueName(queue)]));
  return { ...desired, queuesOfOthers: marked.map(({ name }) => name).filter((name) => names.has(name)) };
}
