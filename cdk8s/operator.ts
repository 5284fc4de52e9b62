import { ApiObject, Chart, type ChartProps } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { customResourceDefinition } from '../api/crd.ts';
import { operatorPodMonitor, serviceMonitor, workerPodMonitor } from './operator-monitors.ts';
import { networkPolicy } from './operator-network.ts';
import {
  type Identity,
  labelsOf,
  OPERATOR_PORT,
  operatorPod,
  podLabels,
  selectorLabels,
  serviceAccountName,
} from './operator-pod.ts';
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
    if (props.values.serviceAccount.create) this.#serviceAccount();
    if (props.values.rbac.create) this.#rights();
    this.#deployment();
    if (props.values.podDisruptionBudget.enabled) this.#disruptionBudget();
    this.#metricsService();
    this.#optionalObjects();
  }

  #rights(): void {
    const { clusterName, values } = this.#props;
    this.#leaderElection();
    this.#clusterGrant('policies', `${clusterName}-policies`, policyRules());
    if (values.clusterWide) this.#clusterWideRights();
    else this.#namespacedRights();
  }

  /** Off by default. */
  #optionalObjects(): void {
    const props = this.#props;
    const { values } = props;
    if (values.serviceMonitor.enabled) new ApiObject(this, 'service-monitor', serviceMonitor(props, values));
    if (values.podMonitor.enabled) {
      new ApiObject(this, 'pod-monitor', operatorPodMonitor(props, values));
      new ApiObject(this, 'worker-pod-monitor', workerPodMonitor(props, values));
    }
    if (values.networkPolicy.enabled) new ApiObject(this, 'network-policy', networkPolicy(props, values));
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
    const { metadata, ...definition } = customResourceDefinition();
    const { commonLabels } = this.#props.values;
    const labels = Object.keys(commonLabels).length === 0 ? {} : { labels: commonLabels };
    new ApiObject(this, 'definition', { ...definition, metadata: { ...metadata, ...labels } });
  }

  #serviceAccount(): void {
    const { annotations } = this.#props.values.serviceAccount;
    const name = serviceAccountName(this.#props, this.#props.values);
    new k8s.KubeServiceAccount(this, 'service-account', {
      metadata: { ...this.#metadata(), name, annotations },
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
    const annotations = Object.keys(values.podAnnotations).length > 0 && {
      annotations: values.podAnnotations,
    };
    new k8s.KubeDeployment(this, 'deployment', {
      metadata: this.#metadata(),
      spec: {
        replicas: values.replicaCount,
        selector: { matchLabels: selectorLabels(name) },
        template: {
          metadata: { labels: podLabels(this.#props, values), ...annotations },
          spec: operatorPod(this.#props, values),
        },
      },
    });
  }

  #disruptionBudget(): void {
    const { minAvailable, maxUnavailable } = this.#props.values.podDisruptionBudget;
    new k8s.KubePodDisruptionBudget(this, 'disruption-budget', {
      metadata: this.#metadata(),
      spec: {
        ...(minAvailable === undefined
          ? { maxUnavailable: pods(maxUnavailable) }
          : { minAvailable: pods(minAvailable) }),
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
    return labelsOf(this.#props, this.#props.values);
  }

  #subjects(): k8s.Subject[] {
    const { namespace, values } = this.#props;
    return [{ kind: 'ServiceAccount', name: serviceAccountName(this.#props, values), namespace }];
  }
}

function pods(amount: number | string): k8s.IntOrString {
  return typeof amount === 'number' ? k8s.IntOrString.fromNumber(amount) : k8s.IntOrString.fromString(amount);
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
