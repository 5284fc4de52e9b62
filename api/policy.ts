import type { API_VERSION, KIND } from './names.ts';
import type { OrderCachePolicySpec, OrderCachePolicySpecInput } from './policy-spec.ts';
import type { OrderCachePolicyStatus } from './policy-status.ts';

export type { OrderCachePolicySpec, OrderCachePolicySpecInput } from './policy-spec.ts';
export type { OrderCachePolicyStatus } from './policy-status.ts';

/** A policy as the API server returns it, defaults filled in. */
export interface OrderCachePolicy {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: typeof KIND;
  readonly metadata: PolicyMetadata;
  readonly spec: OrderCachePolicySpec;
  readonly status?: OrderCachePolicyStatus;
}

export interface PolicyMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A policy as a user writes it. */
export interface OrderCachePolicyInput {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: typeof KIND;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: OrderCachePolicySpecInput;
}
