import { FINALIZER, queueName } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';

/** A policy and what it lays claim to. An identity is undefined while its Secret cannot be read. */
export interface Claim {
  readonly policy: OrderCachePolicy;
  /** Broker and vhost. */
  readonly broker: string | undefined;
  /** Servers and database of Redis. */
  readonly redis: string | undefined;
}

export interface Conflict {
  readonly reason: 'QueueConflict' | 'KeyPrefixConflict';
  readonly message: string;
}

/** The older of two policies keeps what both claim; this says what the given one must not touch, and why. */
export function conflictOf(claim: Claim, all: Iterable<Claim>): Conflict | undefined {
  for (const other of all) {
    if (other.policy.metadata.uid === claim.policy.metadata.uid || !isOlder(other, claim)) continue;
    const conflict = queueConflict(claim, other) ?? keyPrefixConflict(claim, other);
    if (conflict) return conflict;
  }
  return undefined;
}

/** Within one second, the one that has already been acted on counts as the older. */
function isOlder(one: Claim, other: Claim): boolean {
  const [a, b] = [one.policy.metadata, other.policy.metadata];
  const [createdA, createdB] = [Date.parse(a.creationTimestamp), Date.parse(b.creationTimestamp)];
  if (createdA !== createdB) return createdA < createdB;
  const [actedA, actedB] = [a, b].map(({ finalizers }) => finalizers?.includes(FINALIZER) ?? false);
  return actedA === actedB ? a.uid < b.uid : actedA === true;
}

function queueConflict(claim: Claim, other: Claim): Conflict | undefined {
  if (claim.broker === undefined || claim.broker !== other.broker) return undefined;
  const queue = queueOf(claim.policy);
  if (queue !== queueOf(other.policy)) return undefined;
  return {
    reason: 'QueueConflict',
    message: `spec.rabbitmq.queue: queue ${queue} belongs to the older policy ${nameOf(other.policy)}`,
  };
}

function keyPrefixConflict(claim: Claim, other: Claim): Conflict | undefined {
  if (claim.redis === undefined || claim.redis !== other.redis) return undefined;
  const [mine, theirs] = [claim.policy.spec.redis.keyPrefix, other.policy.spec.redis.keyPrefix];
  if (!mine.startsWith(theirs) && !theirs.startsWith(mine)) return undefined;
  return {
    reason: 'KeyPrefixConflict',
    message:
      `spec.redis.keyPrefix: ${mine} overlaps with ${theirs} of the older policy ${nameOf(other.policy)} ` +
      'on the same Redis',
  };
}

function queueOf({ metadata, spec }: OrderCachePolicy): string {
  return queueName(metadata, spec.rabbitmq.queue.name, spec.rabbitmq.queue.revision);
}

function nameOf({ metadata }: OrderCachePolicy): string {
  return `${metadata.namespace}/${metadata.name}`;
}
