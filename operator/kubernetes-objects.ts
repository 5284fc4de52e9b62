import type { V1ConfigMap, V1Deployment, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { API_VERSION, KIND, PLURAL } from '../api/names.ts';

/** Kubernetes objects as plain JSON: what is sent is what was written, what is read is what the server said. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** A kind of object and where it lives in the API. */
export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

export const POLICY = { apiVersion: API_VERSION, kind: KIND, plural: PLURAL } as const;
export const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' } as const;
export const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' } as const;
export const SERVICE_ACCOUNT = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
} as const;
export const DISRUPTION_BUDGET = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
} as const;
export const POD = { apiVersion: 'v1', kind: 'Pod', plural: 'pods' } as const;
export const SECRET = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' } as const;
export const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces' } as const;
export const LEASE = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases' } as const;
export const EVENT = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' } as const;

/** The kinds that the operator owns for a policy, in the order in which they are applied. */
export const OWNED_KINDS = [SERVICE_ACCOUNT, CONFIG_MAP, DEPLOYMENT, DISRUPTION_BUDGET] as const;

type Plain<T> = KubernetesObject & Omit<T, 'apiVersion' | 'kind' | 'metadata'>;
export type Deployment = Plain<V1Deployment>;
export type ConfigMap = Plain<V1ConfigMap>;
export type DisruptionBudget = Plain<V1PodDisruptionBudget>;
export type Pod = Plain<V1Pod>;
export interface ServiceAccount extends KubernetesObject {
  readonly automountServiceAccountToken?: boolean;
}
export interface Secret extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** `/apis/apps/v1/namespaces/shop/deployments/orders`; without a namespace, of all namespaces. */
export function pathOf(kind: Kind, namespace?: string, name?: string): string {
  const root = kind.apiVersion === 'v1' ? '/api/v1' : `/apis/${kind.apiVersion}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const item = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${kind.plural}${item}`;
}

/** `<namespace>/<name>`: the key of an object in stores and in the work queue. */
export function keyOf(object: {
  readonly metadata: { readonly namespace: string; readonly name: string };
}): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}

/** The owner that controls the object, if any. */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}
