import { App } from 'cdk8s';
import { block, inline, templateOf, yamlBlock } from './helm-expressions.ts';
import type { Manifest } from './manifests.ts';
import { OrderCacheOperator } from './operator.ts';
import { installValues } from './values.ts';

/** The chart's templates: the objects that the constructs make, with the values' places as Helm expressions. */

const NAME = inline('include "order-cache-operator.fullname" $');
const SECRET_NAMES = (expression: string) =>
  yamlBlock(`include "order-cache-operator.secretNames" (${expression})`);

function objects(clusterWide: boolean): Manifest[] {
  const operator = new OrderCacheOperator(new App(), 'chart', {
    name: NAME,
    namespace: inline('$.Release.Namespace | quote'),
    clusterName: inline('printf "%s-%s" $.Release.Namespace (include "order-cache-operator.fullname" $)'),
    version: inline('$.Chart.AppVersion | quote'),
    createNamespace: false,
    values: { ...installValues({ clusterWide }), watchNamespaces: [{ name: inline('.name | quote') }] },
  });
  return operator.toJson();
}

/** Path in the chart and content of each template. */
export function chartTemplates(): Map<string, string> {
  const namespaced = objects(false);
  const [leaderElection, rights] = partition(pick(namespaced, 'Role', 'RoleBinding'), isLeaderElection);
  return new Map([
    ['crd.yaml', `{{- if .Values.crds.install }}\n${documents(definition(namespaced))}{{- end }}\n`],
    ['service-account.yaml', documents(serviceAccount(namespaced))],
    ['leader-election.yaml', documents(leaderElection)],
    ['policies.yaml', documents(pick(namespaced, 'ClusterRole', 'ClusterRoleBinding'))],
    ['rights.yaml', rightsTemplate(rights)],
    ['deployment.yaml', documents(deployment(namespaced))],
    ['pod-disruption-budget.yaml', documents(pick(namespaced, 'PodDisruptionBudget'))],
    ['metrics-service.yaml', documents(pick(namespaced, 'Service'))],
  ]);
}

function rightsTemplate(namespaced: Manifest[]): string {
  const [, clusterWide] = partition(pick(objects(true), 'ClusterRole', 'ClusterRoleBinding'), isOnPolicies);
  const everywhere = documents(clusterWide.map((role) => withSecretNames(role, '$.Values.secretNames')));
  const each = documents(
    namespaced.map((role) => withSecretNames(role, '.secretNames | default $.Values.secretNames')),
  );
  return `{{- if .Values.clusterWide }}\n${everywhere}{{- else }}\n{{- range .Values.watchNamespaces }}\n${each}{{- end }}\n{{- end }}\n`;
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
  return pick(all, 'CustomResourceDefinition').map((crd) => ({
    ...crd,
    metadata: { ...crd.metadata, annotations: block(keep) },
  }));
}

function serviceAccount(all: Manifest[]): Manifest[] {
  return pick(all, 'ServiceAccount').map((account) => ({
    ...account,
    metadata: { ...account.metadata, annotations: block('$.Values.serviceAccountAnnotations') },
  }));
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  ORDERCACHE_INSTALLATION: '$.Values.installation | quote',
  ORDERCACHE_WATCH_NAMESPACES: 'include "order-cache-operator.watchNamespaces" $ | quote',
  ORDERCACHE_WORKER_IMAGE: 'include "order-cache-operator.workerImage" $ | quote',
  ORDERCACHE_WORKER_IMAGE_PULL_POLICY: '$.Values.imagePullPolicy | quote',
  ORDERCACHE_WORKER_IMAGE_PULL_SECRETS: 'include "order-cache-operator.imagePullSecrets" $ | quote',
  ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS: 'toJson $.Values.workerServiceAccountAnnotations | quote',
  ORDERCACHE_LOG_LEVEL: '$.Values.logLevel | quote',
  ORDERCACHE_WORKER_LOG_LEVEL: '$.Values.workerLogLevel | default $.Values.logLevel | quote',
};

interface Variable {
  readonly name: string;
  readonly value?: string;
}

function deployment(all: Manifest[]): Manifest[] {
  // The constructs' own output, read back: its shape is known, its type is lost in JSON.
  return pick(all, 'Deployment').map((object) => {
    const copy = structuredClone(object) as unknown as DeploymentJson;
    copy.spec.replicas = inline('$.Values.replicas | int64');
    const pod = copy.spec.template.spec;
    for (const key of ['imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity'])
      pod[key] = block(`$.Values.${key}`);
    for (const container of pod.containers) fillContainer(container);
    return copy as unknown as Manifest;
  });
}

function fillContainer(container: ContainerJson): void {
  container.image = inline('include "order-cache-operator.image" $ | quote');
  container.imagePullPolicy = inline('$.Values.imagePullPolicy | quote');
  container.resources = block('$.Values.resources');
  container.env = container.env.map((variable) => {
    const expression = ENVIRONMENT[variable.name];
    return expression === undefined ? variable : { name: variable.name, value: inline(expression) };
  });
}

interface ContainerJson {
  image: string;
  imagePullPolicy: string;
  resources: unknown;
  env: Variable[];
}
interface DeploymentJson {
  spec: {
    replicas: unknown;
    template: { spec: { containers: ContainerJson[]; [field: string]: unknown } };
  };
}

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
