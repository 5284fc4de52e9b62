/** templates/_helpers.tpl: what several templates use. */
export const HELPERS = `
{{- define "order-cache-operator.fullname" -}}
{{- $name := .Values.nameOverride | default "order-cache-operator" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 24 | trimSuffix "-") $name | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "order-cache-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "order-cache-operator.fullname" . -}}
{{- else -}}
{{- fail "serviceAccount.name: expected the name of an existing service account" -}}
{{- end -}}
{{- end -}}

{{- /* What Helm adds to the labels of every object. Never in a selector. */ -}}
{{- define "order-cache-operator.releaseLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{- define "order-cache-operator.ownLabels" -}}
app.kubernetes.io/name: order-cache-operator
app.kubernetes.io/instance: {{ include "order-cache-operator.fullname" . | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "order-cache-operator.labels" -}}
{{- $own := merge (fromYaml (include "order-cache-operator.ownLabels" .)) (fromYaml (include "order-cache-operator.releaseLabels" .)) -}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end -}}

{{- define "order-cache-operator.definitionLabels" -}}
{{- toYaml (merge (fromYaml (include "order-cache-operator.releaseLabels" .)) .Values.commonLabels) -}}
{{- end -}}

{{- define "order-cache-operator.podLabels" -}}
{{- toYaml (merge (fromYaml (include "order-cache-operator.ownLabels" .)) .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{- /* Of the pods of hooks: no selector of the operator matches them. */ -}}
{{- define "order-cache-operator.hookLabels" -}}
{{- toYaml (merge (dict "app.kubernetes.io/name" .name) (fromYaml (include "order-cache-operator.labels" .root))) -}}
{{- end -}}

{{- /* An image from its values: repository@digest, or repository:tag. */ -}}
{{- define "order-cache-operator.imageReference" -}}
{{- $repository := .image.repository -}}
{{- if .registry -}}
{{- $parts := splitList "/" $repository -}}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) }}{{ $parts = rest $parts }}{{ end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .registry) (join "/" $parts) -}}
{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.image.tag | default .appVersion) -}}
{{- end -}}
{{- end -}}

{{- define "order-cache-operator.image" -}}
{{- include "order-cache-operator.imageReference" (dict "image" .Values.image "appVersion" .Chart.AppVersion "registry" (.Values.global).imageRegistry) -}}
{{- end -}}

{{- define "order-cache-operator.workerImage" -}}
{{- $image := ternary .Values.workerImage .Values.image (ne .Values.workerImage.repository "") -}}
{{- include "order-cache-operator.imageReference" (dict "image" $image "appVersion" .Chart.AppVersion "registry" (.Values.global).imageRegistry) -}}
{{- end -}}

{{- /* Watched namespaces with their Secrets, as JSON. Entries of one name are one. */ -}}
{{- define "order-cache-operator.watched" -}}
{{- $secrets := dict -}}
{{- $names := list -}}
{{- range .Values.watchNamespaces -}}
{{- $own := .secretNames | default $.Values.secretNames -}}
{{- $_ := set $secrets .name (uniq (concat (get $secrets .name | default list) $own)) -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $watched := list -}}
{{- range uniq $names }}{{ $watched = append $watched (dict "name" . "secretNames" (get $secrets .)) }}{{ end -}}
{{- toJson $watched -}}
{{- end -}}

{{- define "order-cache-operator.watchNamespaces" -}}
{{- $names := list -}}
{{- if not .Values.clusterWide -}}
{{- range .Values.watchNamespaces }}{{ $names = append $names .name }}{{ end -}}
{{- end -}}
{{- join "," (uniq $names) -}}
{{- end -}}

{{- define "order-cache-operator.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.imagePullSecrets ((.Values.global).imagePullSecrets | default list) -}}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- join "," (uniq $names) -}}
{{- end -}}

{{- define "order-cache-operator.imagePullSecretList" -}}
{{- range splitList "," (include "order-cache-operator.imagePullSecrets" .) }}{{ if . }}
- name: {{ . }}
{{- end }}{{ end -}}
{{- end -}}

{{- /* Of a pod or a container: without what the platform assigns. */ -}}
{{- define "order-cache-operator.securityContext" -}}
{{- toYaml (ternary (omit .context "runAsUser" "runAsGroup" "fsGroup") .context .openshift) -}}
{{- end -}}

{{- define "order-cache-operator.topologySpreadConstraints" -}}
{{- if .Values.topologySpreadConstraints -}}
{{- toYaml .Values.topologySpreadConstraints -}}
{{- else -}}
- labelSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ include "order-cache-operator.fullname" . }}
      app.kubernetes.io/name: order-cache-operator
  maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
{{- end -}}
{{- end -}}

{{- /* RBAC reads an empty list of names as all Secrets. */ -}}
{{- define "order-cache-operator.secretNames" -}}
{{- if not . }}{{ fail "secretNames: expected at least one name" }}{{ end -}}
{{- toYaml . -}}
{{- end -}}
`;
