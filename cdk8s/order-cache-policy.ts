import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import type { Construct } from 'constructs';
import { API_VERSION, KIND } from '../api/names.ts';
import { policyMistakes } from './policy-mistakes.ts';
import type { OrderCachePolicySpecInput } from './policy-spec.generated.ts';

export interface OrderCachePolicyProps {
  /** Name, namespace, labels and annotations. A name is a DNS label of at most 50 characters. */
  readonly metadata?: ApiObjectMetadata;
  /** What `kubectl explain ocp.spec` describes; what has a default may be left out. */
  readonly spec: OrderCachePolicySpecInput;
}

/**
 * An OrderCachePolicy in a cdk8s app.
 * `App.synth()` refuses what the API server would refuse of a new policy, with the field, what was expected and what
 * came: the schema, the rules across fields, and the name.
 */
export class OrderCachePolicy extends ApiObject {
  constructor(scope: Construct, id: string, props: OrderCachePolicyProps) {
    super(scope, id, {
      apiVersion: API_VERSION,
      kind: KIND,
      ...(props.metadata === undefined ? {} : { metadata: props.metadata }),
      spec: props.spec,
    });
    this.node.addValidation({ validate: () => policyMistakes(this.name, props.spec) });
  }
}
