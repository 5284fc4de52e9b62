import { stringify } from 'yaml';
import { chartTemplates } from './helm-templates.ts';
import { valuesSchemaJson, valuesTable, valuesYaml } from './helm-values.ts';

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

const HELPERS = `
{{- define "order-cache-operator.fullname" -}}
{{- if contains "order-cache-operator" .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-order-cache-operator" (.Release.Name | trunc 24 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- /* An image from its values: repository@digest, or repository:tag. */ -}}
{{- define "order-cache-operator.imageReference" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .appVersion) -}}
{{- end -}}
{{- end -}}

{{- define "order-cache-operator.image" -}}
{{- include "order-cache-operator.imageReference" (dict "image" .Values.image "appVersion" .Chart.AppVersion) -}}
{{- end -}}

{{- define "order-cache-operator.workerImage" -}}
{{- $image := ternary .Values.workerImage .Values.image (ne .Values.workerImage.repository "") -}}
{{- include "order-cache-operator.imageReference" (dict "image" $image "appVersion" .Chart.AppVersion) -}}
{{- end -}}

{{- define "order-cache-operator.watchNamespaces" -}}
{{- $names := list -}}
{{- if not .Values.clusterWide -}}
{{- range .Values.watchNamespaces }}{{ $names = append $names .name }}{{ end -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{- define "order-cache-operator.imagePullSecrets" -}}
{{- $names := list -}}
{{- range .Values.imagePullSecrets }}{{ $names = append $names .name }}{{ end -}}
{{- join "," $names -}}
{{- end -}}

{{- /* RBAC reads an empty list of names as all Secrets. */ -}}
{{- define "order-cache-operator.secretNames" -}}
{{- if not . }}{{ fail "secretNames: expected at least one name" }}{{ end -}}
{{- toYaml . -}}
{{- end -}}
`;

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

${valuesTable()}
`;
}
