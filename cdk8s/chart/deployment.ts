import type { Manifest } from '../manifests.ts';
import { block, inline, items, yamlBlock } from './expressions.ts';

/** The Deployment of the constructs with the values' places as Helm expressions. */

const ENVIRONMENT: Readonly<Record<string, string>> = {
  ORDERCACHE_INSTALLATION: '$.Values.installation | quote',
  ORDERCACHE_WATCH_NAMESPACES: 'include "order-cache-operator.watchNamespaces" $ | quote',
  ORDERCACHE_WORKER_IMAGE: 'include "order-cache-operator.workerImage" $ | quote',
  ORDERCACHE_WORKER_IMAGE_PULL_POLICY: '$.Values.image.pullPolicy | quote',
  ORDERCACHE_WORKER_IMAGE_PULL_SECRETS: 'include "order-cache-operator.imagePullSecrets" $ | quote',
  ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS: 'toJson $.Values.workerServiceAccountAnnotations | quote',
  ORDERCACHE_LOG_LEVEL: '$.Values.logLevel | quote',
  ORDERCACHE_WORKER_LOG_LEVEL: '$.Values.workerLogLevel | quote',
  ORDERCACHE_WORKER_FIXED_USER_ID: 'not $.Values.platform.openshift | quote',
};

interface ContainerJson {
  env: unknown[];
  [field: string]: unknown;
}
interface DeploymentJson {
  spec: {
    replicas: unknown;
    template: { metadata: unknown; spec: { containers: ContainerJson[]; [field: string]: unknown } };
  };
}

export function deployment(object: Manifest): Manifest {
  // The constructs' own output, read back: its shape is known, its type is lost in JSON.
  const copy = structuredClone(object) as unknown as DeploymentJson;
  copy.spec.replicas = inline('$.Values.replicaCount | int64');
  copy.spec.template.metadata = {
    annotations: block('$.Values.podAnnotations'),
    labels: yamlBlock('include "order-cache-operator.podLabels" $'),
  };
  const pod = copy.spec.template.spec;
  Object.assign(pod, podValues(), {
    affinity: block('$.Values.affinity'),
    topologySpreadConstraints: yamlBlock('include "order-cache-operator.topologySpreadConstraints" $'),
    containers: pod.containers.map((container) => ({
      ...container,
      ...containerValues(),
      env: [...container.env.map(filled), items('$.Values.extraEnv')],
    })),
  });
  return copy as unknown as Manifest;
}

function filled(variable: unknown): unknown {
  const { name } = variable as { name: string };
  const expression = ENVIRONMENT[name];
  return expression === undefined ? variable : { name, value: inline(expression) };
}

/** What the pods of hooks have from the values, too. */
export function podValues() {
  return {
    securityContext: securityContext('podSecurityContext'),
    imagePullSecrets: yamlBlock('include "order-cache-operator.imagePullSecretList" $'),
    nodeSelector: block('$.Values.nodeSelector'),
    tolerations: block('$.Values.tolerations'),
    priorityClassName: block('$.Values.priorityClassName'),
  };
}

export function containerValues() {
  return {
    image: inline('include "order-cache-operator.image" $ | quote'),
    imagePullPolicy: inline('$.Values.image.pullPolicy | quote'),
    resources: block('$.Values.resources'),
    securityContext: securityContext('securityContext'),
  };
}

function securityContext(value: 'podSecurityContext' | 'securityContext'): string {
  const context = `(dict "context" $.Values.${value} "openshift" $.Values.platform.openshift)`;
  return yamlBlock(`include "order-cache-operator.securityContext" ${context}`);
}
