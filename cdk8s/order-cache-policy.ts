import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import type { Construct } from 'constructs';
import { API_VERSION, KIND } from '../api/names.ts';
import { type OrderCachePolicySpecInput, policySpec } from '../api/policy-spec.ts';
import { inputCheck } from './input-check.ts';

export interface OrderCachePolicyProps {
  /** Name, namespace, labels and annotations. A name is a DNS label of at most 50 characters. */
  readonly metadata?: ApiObjectMetadata;
  /** What `kubectl explain ocp.spec` describes; what has a default may be left out. */
  readonly spec: OrderCachePolicySpecInput;
}

const mistakes = inputCheck(policySpec);

/**
 * An OrderCachePolicy in a cdk8s app.
 * `App.synth()` refuses what the schema refuses, with the field, what was expected and what came. Rules across
 * fields (database is required for WriteThrough, for example) are left to the API server.
 */
export class OrderCachePolicy extends ApiObject {
  constructor(scope: Construct, id: string, props: OrderCachePolicyProps) {
    super(scope, id, {
      apiVersion: API_VERSION,
      kind: KIND,
      ...(props.metadata === undefined ? {} : { metadata: props.metadata }),
      spec: props.spec,
    });
    this.node.addValidation({ validate: () => mistakes(props.spec).map((mistake) => `spec.${mistake}`) });
  }
}
