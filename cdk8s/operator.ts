import { ApiObject, Chart, type ChartProps } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { customResourceDefinition } from '../api/crd.ts';
import { type Identity, OPERATOR_PORT, operatorPod, selectorLabels } from './operator-pod.ts';
import { leaderElectionRules, policyRules, type Rule, watchRules } from './rbac.ts';
import type { InstallValues } from './values-schema.ts';

export interface OperatorProps extends Identity {
  readonly values: InstallValues;
  /** Of what is in no namespace, so that installations of one name in several namespaces do not share it. */
  readonly clusterName: string;
  /** Whether the namespace is part of it, marked for Pod Security `restricted`. */
  readonly createNamespace: boolean;
}

/** Everything that an installation consists of, in the order in which it can be applied. */
export class OrderCacheOperator extends Chart {
  readonly #props: OperatorProps;

  constructor(scope: Construct, id: string, props: OperatorProps) {
    super(scope, id, { disableResourceNameHashes: true } satisfies ChartProps);
    this.#props = props;
    if (props.createNamespace) this.#namespace();
    if (props.values.crds.install) this.#definition();
    this.#serviceAccount();
    this.#leaderElection();
    this.#clusterGrant('policies', `${props.clusterName}-policies`, policyRules());
    if (props.values.clusterWide) this.#clusterWideRights();
    else this.#namespacedRights();
    this.#deployment();
    this.#disruptionBudget();
    this.#metricsService();
  }

  #namespace(): void {
    const { namespace } = this.#props;
    const labels = {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    };
    new k8s.KubeNamespace(this, 'namespace', { metadata: { name: namespace, labels } });
  }

  #definition(): void {
    new ApiObject(this, 'definition', customResourceDefinition());
  }

  #serviceAccount(): void {
    const annotations = this.#props.values.serviceAccountAnnotations;
    new k8s.KubeServiceAccount(this, 'service-account', {
      metadata: { ...this.#metadata(), annotations },
      automountServiceAccountToken: false,
    });
  }

  #leaderElection(): void {
    const { namespace } = this.#props;
    this.#grant('leader-election', namespace, `${this.#props.name}-leader-election`, leaderElectionRules());
  }

  #namespacedRights(): void {
    const { values, name } = this.#props;
    for (const watched of values.watchNamespaces) {
      const rules = watchRules(watched.secretNames ?? values.secretNames);
      this.#grant(`watch-${watched.name}`, watched.name, name, rules);
    }
  }

  #grant(id: string, namespace: string, name: string, rules: Rule[]): void {
    const metadata = { name, namespace, labels: this.#labels() };
    new k8s.KubeRole(this, `${id}-role`, { metadata, rules: rules.map(typed) });
    new k8s.KubeRoleBinding(this, `${id}-binding`, {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: this.#subjects(),
    });
  }

  #clusterWideRights(): void {
    const { clusterName, values } = this.#props;
    this.#clusterGrant('watch', clusterName, watchRules(values.secretNames));
  }

  #clusterGrant(id: string, name: string, rules: Rule[]): void {
    const metadata = { name, labels: this.#labels() };
    new k8s.KubeClusterRole(this, `${id}-cluster-role`, { metadata, rules: rules.map(typed) });
    new k8s.KubeClusterRoleBinding(this, `${id}-cluster-binding`, {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: this.#subjects(),
    });
  }

  #deployment(): void {
    const { name, values } = this.#props;
    const labels = this.#labels();
    new k8s.KubeDeployment(this, 'deployment', {
      metadata: this.#metadata(),
      spec: {
        replicas: values.replicas,
        selector: { matchLabels: selectorLabels(name) },
        template: { metadata: { labels }, spec: operatorPod(this.#props, values) },
      },
    });
  }

  #disruptionBudget(): void {
    new k8s.KubePodDisruptionBudget(this, 'disruption-budget', {
      metadata: this.#metadata(),
      spec: {
        maxUnavailable: k8s.IntOrString.fromNumber(1),
        selector: { matchLabels: selectorLabels(this.#props.name) },
      },
    });
  }

  #metricsService(): void {
    const { name } = this.#props;
    new k8s.KubeService(this, 'metrics', {
      metadata: { ...this.#metadata(), name: `${name}-metrics` },
      spec: {
        selector: selectorLabels(name),
        ports: [{ name: 'metrics', port: OPERATOR_PORT, targetPort: k8s.IntOrString.fromString('http') }],
      },
    });
  }

  #metadata(): k8s.ObjectMeta {
    return { name: this.#props.name, namespace: this.#props.namespace, labels: this.#labels() };
  }

  #labels(): Record<string, string> {
    const { name, version } = this.#props;
    return { ...selectorLabels(name), 'app.kubernetes.io/version': version };
  }

  #subjects(): k8s.Subject[] {
    return [{ kind: 'ServiceAccount', name: this.#props.name, namespace: this.#props.namespace }];
  }
}

/** plus-27 types its lists as mutable. */
function typed({ apiGroups, resources, verbs, resourceNames }: Rule): k8s.PolicyRule {
  return {
    apiGroups: [...apiGroups],
    resources: [...resources],
    ...(resourceNames === undefined ? {} : { resourceNames: [...resourceNames] }),
    verbs: [...verbs],
  };
}
