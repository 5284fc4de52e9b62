/** `order-cache-operator/cdk8s`: an OrderCachePolicy in a cdk8s app of yours. */
export type { OrderCachePolicySpecInput } from '../api/policy-spec.ts';
export { OrderCachePolicy, type OrderCachePolicyProps } from './order-cache-policy.ts';
