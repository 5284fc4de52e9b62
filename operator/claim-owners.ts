/**
 * Who stands behind a claim in Redis or at the broker. The claim itself is text that outlives its policy; whether the
 * policy exists, the API server says.
 */
import { type PolicyRef, policyOfOwner } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { type KubernetesClient, KubernetesError } from './kubernetes-client.ts';
import { POLICY } from './kubernetes-objects.ts';

export type OwnerState =
  /** The API server knows no such policy, or one that does not hold what is claimed. */
  | 'Gone'
  | 'Exists'
  /** The API server does not say. */
  | 'Unknown'
  /** Of which this API server knows nothing. */
  | 'OtherInstallation';

export interface ClaimOwners {
  /**
   * Asks for the policy that the owner names. `holds`: is what is claimed still that policy's? Throws KubernetesError
   * when the API server cannot be reached.
   */
  stateOf(owner: string, holds: (policy: OrderCachePolicy) => boolean): Promise<OwnerState>;
  /** Queues that other policies of this API server use. Throws KubernetesError when it cannot be reached. */
  queuesOfOthers(policy: PolicyRef): Promise<ReadonlySet<string>>;
}

/** For an operator that asks no API server: it takes nothing over by itself. */
export const UNKNOWN_OWNERS: ClaimOwners = {
  stateOf: async () => 'Unknown',
  queuesOfOthers: async () => new Set(),
};

export function claimOwners(client: KubernetesClient, installation: string): ClaimOwners {
  return {
    async stateOf(owner, holds) {
      const ref = policyOfOwner(owner, installation);
      if (ref === undefined) return 'OtherInstallation';
      try {
        const policy = await client.get<OrderCachePolicy>(POLICY, ref.namespace, ref.name);
        return policy !== undefined && holds(policy) ? 'Exists' : 'Gone';
      } catch (error) {
        if (error instanceof KubernetesError && error.failure === 'Forbidden') return 'Unknown';
        throw error;
      }
    },
    async queuesOfOthers({ namespace, name }) {
      const queues = new Set<string>();
      let next: string | undefined;
      do {
        const query = { limit: '500', ...(next !== undefined && { continue: next }) };
        const page = await client.listPage(POLICY, undefined, query);
        for (const { metadata, status } of page.items as OrderCachePolicy[]) {
          const isOther = metadata.namespace !== namespace || metadata.name !== name;
          if (isOther && status?.queue !== undefined) queues.add(status.queue);
        }
        next = page.next;
      } while (next !== undefined);
      return queues;
    },
  };
}
