/** `order-cache-operator/cdk8s`: an OrderCachePolicy in a cdk8s app of yours. */
export { OrderCachePolicy, type OrderCachePolicyProps } from './order-cache-policy.ts';
export type { OrderCachePolicySpecInput } from './policy-spec.generated.ts';
