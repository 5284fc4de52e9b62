import { GROUP, PLURAL } from '../api/names.ts';

/** What the operator may do, as values. Nothing here holds a wildcard. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Name of the Lease that the leader holds, in the operator's namespace. */
export const LEASE_NAME = 'order-cache-operator';

const READ = ['get', 'list', 'watch'] as const;
/** Server-side apply asks for both: `patch`, and `create` where the object is missing. */
const APPLY = ['create', 'patch'] as const;

/**
 * Rights on our own resource, in every namespace: nothing of anybody else's. A Role would go with its namespace, often
 * before the policy does, and the policy's finalizer would keep the namespace for ever (docs/adr/0005).
 */
export function policyRules(): Rule[] {
  return [
    // The finalizer is set and removed by a patch.
    { apiGroups: [GROUP], resources: [PLURAL], verbs: [...READ, 'patch'] },
    { apiGroups: [GROUP], resources: [`${PLURAL}/status`], verbs: ['patch'] },
    // Whether a namespace is going away decides how long a deletion waits for the broker.
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
  ];
}

/**
 * Rights in a namespace whose policies are carried out: in a Role for each, or in one ClusterRole.
 * Throws without secretNames: RBAC reads an empty list of names as all of them.
 */
export function watchRules(secretNames: readonly string[]): Rule[] {
  if (secretNames.length === 0) throw new Error('secretNames: expected at least one name, got []');
  return [
    // Asked for by the admission plugin OwnerReferencesPermissionEnforcement, where it is on.
    { apiGroups: [GROUP], resources: [`${PLURAL}/finalizers`], verbs: ['update'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: [...READ, ...APPLY] },
    { apiGroups: [''], resources: ['configmaps', 'serviceaccounts'], verbs: [...READ, ...APPLY] },
    { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: [...READ, ...APPLY] },
    { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: [...APPLY] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: [...secretNames] },
  ];
}

/** Rights in the operator's own namespace. `create` cannot be bound to a name. */
export function leaderElectionRules(): Rule[] {
  const lease = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
  return [
    { ...lease, verbs: ['create'] },
    { ...lease, verbs: ['get', 'update'], resourceNames: [LEASE_NAME] },
  ];
}
