import { App } from 'cdk8s';
import type { Manifest } from '../manifests.ts';
import { OrderCacheOperator } from '../operator.ts';
import { installValues } from '../values.ts';
import { deployment } from './deployment.ts';
import { block, inline, templateOf, yamlBlock } from './expressions.ts';
import { testPod, uninstallCheck } from './hooks.ts';

/** The chart's templates: the objects that the constructs make, with the values' places as Helm expressions. */

const NAME = inline('include "order-cache-operator.fullname" $');
const SECRET_NAMES = (expression: string) =>
  yamlBlock(`include "order-cache-operator.secretNames" (${expression})`);

function objects(clusterWide: boolean): Manifest[] {
  const optional = { enabled: true };
  const values = installValues({
    clusterWide,
    serviceMonitor: optional,
    podMonitor: optional,
    networkPolicy: optional,
  });
  const account = inline('include "order-cache-operator.serviceAccountName" $');
  const operator = new OrderCacheOperator(new App(), 'chart', {
    name: NAME,
    namespace: inline('$.Release.Namespace | quote'),
    clusterName: inline('printf "%s-%s" $.Release.Namespace (include "order-cache-operator.fullname" $)'),
    version: inline('$.Chart.AppVersion | quote'),
    createNamespace: false,
    values: {
      ...values,
      watchNamespaces: [{ name: inline('.name | quote') }],
      serviceAccount: { ...values.serviceAccount, name: account },
    },
  });
  return operator.toJson().map(labelled);
}

function labelled(object: Manifest): Manifest {
  const labels = yamlBlock('include "order-cache-operator.labels" $');
  return { ...object, metadata: { ...object.metadata, labels } };
}

/** Path in the chart and content of each template. */
export function chartTemplates(): Map<string, string> {
  const namespaced = objects(false);
  const [leaderElection, rights] = partition(pick(namespaced, 'Role', 'RoleBinding'), isLeaderElection);
  const onPolicies = pick(namespaced, 'ClusterRole', 'ClusterRoleBinding');
  return new Map([
    ['crd.yaml', when('.Values.crds.install', documents(definition(namespaced)))],
    ['service-account.yaml', when('.Values.serviceAccount.create', documents(serviceAccount(namespaced)))],
    ['leader-election.yaml', when('.Values.rbac.create', documents(leaderElection))],
    ['policies.yaml', when('.Values.rbac.create', documents(onPolicies))],
    ['rights.yaml', when('.Values.rbac.create', rightsTemplate(rights))],
    ['deployment.yaml', documents(pick(namespaced, 'Deployment').map(deployment))],
    ['pod-disruption-budget.yaml', disruptionBudget(namespaced)],
    ['metrics-service.yaml', documents(pick(namespaced, 'Service'))],
    ['service-monitor.yaml', monitors(namespaced, 'ServiceMonitor', 'serviceMonitor')],
    ['pod-monitor.yaml', monitors(namespaced, 'PodMonitor', 'podMonitor')],
    ['network-policy.yaml', networkPolicy(namespaced)],
    ['tests/ready.yaml', documents([testPod()])],
    ['uninstall-check.yaml', uninstallCheckTemplate()],
  ]);
}

function rightsTemplate(namespaced: Manifest[]): string {
  const [, clusterWide] = partition(pick(objects(true), 'ClusterRole', 'ClusterRoleBinding'), isOnPolicies);
  const everywhere = documents(clusterWide.map((role) => withSecretNames(role, '$.Values.secretNames')));
  const each = documents(namespaced.map((role) => withSecretNames(role, '.secretNames')));
  const watched = 'include "order-cache-operator.watched" . | fromJsonArray';
  return `{{- if .Values.clusterWide }}\n${everywhere}{{- else }}\n{{- range ${watched} }}\n${each}{{- end }}\n{{- end }}\n`;
}

function withSecretNames(role: Manifest, expression: string): Manifest {
  if (!Array.isArray(role.rules)) return role;
  const rules = role.rules.map((rule) =>
    rule.resources.includes('secrets') ? { ...rule, resourceNames: SECRET_NAMES(expression) } : rule,
  );
  return { ...role, rules };
}

function definition(all: Manifest[]): Manifest[] {
  const keep = '(ternary (dict "helm.sh/resource-policy" "keep") (dict) $.Values.crds.keep)';
  const labels = yamlBlock('include "order-cache-operator.definitionLabels" $');
  return pick(all, 'CustomResourceDefinition').map((crd) => ({
    ...crd,
    metadata: { ...crd.metadata, labels, annotations: block(keep) },
  }));
}

function serviceAccount(all: Manifest[]): Manifest[] {
  return pick(all, 'ServiceAccount').map((account) => ({
    ...account,
    metadata: { ...account.metadata, annotations: block('$.Values.serviceAccount.annotations') },
  }));
}

function disruptionBudget(all: Manifest[]): string {
  const budgets = (field: string) =>
    pick(all, 'PodDisruptionBudget').map((budget) => {
      const { selector } = budget.spec as { selector: object };
      return { ...budget, spec: { [field]: inline(`$.Values.podDisruptionBudget.${field}`), selector } };
    });
  // A minAvailable of 0 counts, too.
  const given = 'not (kindIs "invalid" .Values.podDisruptionBudget.minAvailable)';
  const either = `{{- if ${given} }}\n${documents(budgets('minAvailable'))}{{- else }}\n${documents(budgets('maxUnavailable'))}{{- end }}\n`;
  return when('.Values.podDisruptionBudget.enabled', either);
}

interface MonitorSpec {
  readonly namespaceSelector?: object;
  readonly endpoints?: object[];
  readonly podMetricsEndpoints?: object[];
}

function monitors(all: Manifest[], kind: string, value: 'serviceMonitor' | 'podMonitor'): string {
  const interval = inline(`$.Values.${value}.interval | quote`);
  const labels = block(
    `(merge (include "order-cache-operator.labels" $ | fromYaml) $.Values.${value}.labels)`,
  );
  const namespaces =
    '(ternary (dict "any" true) (dict "matchNames" (splitList "," (include "order-cache-operator.watchNamespaces" $))) $.Values.clusterWide)';
  const filled = pick(all, kind).map((monitor) => {
    const { endpoints, podMetricsEndpoints, namespaceSelector, ...spec } = monitor.spec as MonitorSpec;
    const withInterval = (list: object[]) => list.map((endpoint) => ({ ...endpoint, interval }));
    return {
      ...monitor,
      metadata: { ...monitor.metadata, labels },
      spec: {
        ...spec,
        ...(namespaceSelector && { namespaceSelector: block(namespaces) }),
        ...(endpoints && { endpoints: withInterval(endpoints) }),
        ...(podMetricsEndpoints && { podMetricsEndpoints: withInterval(podMetricsEndpoints) }),
      },
    };
  });
  return when(`.Values.${value}.enabled`, documents(filled));
}

function networkPolicy(all: Manifest[]): string {
  const own =
    '(dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/instance" (include "order-cache-operator.fullname" $))))';
  const given = '$.Values.networkPolicy.ingressFrom';
  const from = block(`(ternary (list) (append ${given} ${own}) (empty ${given}))`);
  const filled = pick(all, 'NetworkPolicy').map((policy) => {
    const { ingress, ...spec } = policy.spec as { ingress: object[] };
    return {
      ...policy,
      spec: {
        ...spec,
        ingress: ingress.map((rule) => ({ ...rule, from })),
        egress: block('$.Values.networkPolicy.egress'),
      },
    };
  });
  return when('.Values.networkPolicy.enabled', documents(filled));
}

function uninstallCheckTemplate(): string {
  const { access, job } = uninstallCheck();
  const own = when('and .Values.rbac.create .Values.serviceAccount.create', documents(access));
  return when('.Values.uninstallCheck.enabled', own + documents([job]));
}

const when = (condition: string, content: string): string => `{{- if ${condition} }}\n${content}{{- end }}\n`;

function documents(all: readonly Manifest[]): string {
  return all.map((object) => `---\n${templateOf(object)}`).join('');
}

function pick(all: Manifest[], ...kinds: string[]): Manifest[] {
  return all.filter(({ kind }) => kinds.includes(kind));
}

function isLeaderElection({ metadata }: Manifest): boolean {
  return metadata.name.endsWith('-leader-election');
}

function isOnPolicies({ metadata }: Manifest): boolean {
  return metadata.name.endsWith('-policies');
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
