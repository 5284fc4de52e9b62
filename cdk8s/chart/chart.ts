import { stringify } from 'yaml';
import { HELPERS } from './named-templates.ts';
import { chartTemplates } from './templates.ts';
import { valuesSchemaJson, valuesTable, valuesYaml } from './values-files.ts';

/** The Helm chart, file by file: path inside the chart's directory, and content. `marker` says that it is generated. */
export function helmChart(version: string, marker: string): Map<string, string> {
  const templates = [...chartTemplates()].map(([name, content]): [string, string] => [
    `templates/${name}`,
    `{{- /* ${marker} */ -}}\n${content}`,
  ]);
  return new Map([
    ['Chart.yaml', `# ${marker}\n${stringify(chartYaml(version))}`],
    ['values.yaml', `# ${marker}\n\n${valuesYaml()}`],
    ['values.schema.json', valuesSchemaJson(marker)],
    ['README.md', readme(marker)],
    ['templates/_helpers.tpl', `{{- /* ${marker} */ -}}\n${HELPERS}`],
    ['templates/NOTES.txt', NOTES],
    ...templates,
  ]);
}

function chartYaml(version: string): object {
  return {
    apiVersion: 'v2',
    name: 'order-cache-operator',
    description: 'Keeps the order status in Redis equal to the database: operator of OrderCachePolicy',
    type: 'application',
    version,
    appVersion: version,
    // Rules of the CustomResourceDefinition name the field that they are about, which 1.28 brought.
    kubeVersion: '>=1.28.0-0',
    keywords: ['redis', 'rabbitmq', 'postgresql', 'cache', 'operator'],
    annotations: { 'artifacthub.io/license': 'Apache-2.0' },
  };
}

const NOTES = `{{ .Chart.Name }} {{ .Chart.AppVersion }} runs in the namespace {{ .Release.Namespace }}.

{{ if .Values.clusterWide -}}
It carries out the OrderCachePolicies of all namespaces.
{{- else -}}
It carries out the OrderCachePolicies of: {{ include "order-cache-operator.watchNamespaces" . }}.
Another namespace is added to the value watchNamespaces; policies elsewhere are not seen.
{{- end }}
It may read the Secrets that the values name (secretNames), and no others.

  kubectl -n {{ .Release.Namespace }} rollout status deployment/{{ include "order-cache-operator.fullname" . }}
  kubectl explain ocp.spec
  kubectl get ocp -A
  helm test -n {{ .Release.Namespace }} {{ .Release.Name }}

Delete the policies before you uninstall: only the operator lets them be deleted.
`;

function readme(marker: string): string {
  return `<!-- ${marker} -->
# order-cache-operator

Installs the operator of OrderCachePolicy: a Deployment with leader election, its rights, a PodDisruptionBudget,
a Service for metrics, and the CustomResourceDefinition.

\`\`\`sh
helm install order-cache-operator charts/order-cache-operator \\
  --namespace order-cache-system --create-namespace \\
  --set image.repository=registry.example.com/order-cache-operator \\
  --set 'watchNamespaces[0].name=shop'
\`\`\`

The operator gets a Role in each watched namespace, and reads only the Secrets that the values name. The namespaces
must exist. Everywhere else it has rights on policies only (a ClusterRole, so that a namespace can be deleted with its
Role). With \`clusterWide\` a ClusterRole takes the place of the Roles.

Helm upgrades the CustomResourceDefinition with the release, and keeps it on removal unless \`crds.keep\` is false:
removing it would remove every policy. A second installation in a cluster sets \`crds.install=false\`, another
\`installation\` and namespace.

## Uninstall

Delete the policies first: only the operator lets them be deleted. \`helm uninstall\` refuses while there are policies in
the namespaces that the release watches, and names them (a Job, \`<name>-uninstall-check\`). Helm then shows the release as
\`uninstalling\`: everything in it still runs, \`helm uninstall\` can be repeated, and before the next \`helm upgrade\` it needs
\`helm rollback <release> <revision>\` with the revision that \`helm history\` shows last. \`helm uninstall --no-hooks\` skips the check.

## OpenShift

With \`platform.openshift: true\` no pod sets a user or group id, neither the operator's nor those of policies. They run
with what the platform assigns; \`runAsNonRoot\` stays. Every file of theirs can be read by any user.

## As a dependency

\`condition: order-cache-operator.enabled\` leaves the chart out. \`global.imageRegistry\` and \`global.imagePullSecrets\`
are used; any other global value is accepted.

## Values

Renamed since 0.1.0: \`replicas\` is \`replicaCount\`, \`imagePullPolicy\` is \`image.pullPolicy\`,
\`serviceAccountAnnotations\` is \`serviceAccount.annotations\`. The old names are refused.

${valuesTable()}
`;
}
