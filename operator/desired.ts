import { createHash } from 'node:crypto';
import {
  API_VERSION,
  GROUP,
  KIND,
  maintenanceObjectName,
  maintenanceSelector,
  POLICY_LABEL,
  workerObjectName,
  workerSelector,
} from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { CONFIG_KEY, type ConfigFile } from './desired-config.ts';
import { maintenanceTemplate } from './desired-maintenance.ts';
import { type WorkerInstallation, workerTemplate } from './desired-pod.ts';
import {
  CONFIG_MAP,
  type ConfigMap,
  DEPLOYMENT,
  type Deployment,
  DISRUPTION_BUDGET,
  type DisruptionBudget,
  type Kind,
  type KubernetesObject,
  SERVICE_ACCOUNT,
  type ServiceAccount,
} from './kubernetes-objects.ts';

/** On each owned object: hash of what was applied, by which a change of ours is told from somebody else's. */
export const APPLIED_ANNOTATION = `${GROUP}/applied`;
/** On the Deployment: the policy's generation that its pods were made for. */
export const GENERATION_ANNOTATION = `${GROUP}/generation`;

export interface DesiredObject<T extends KubernetesObject = KubernetesObject> {
  readonly kind: Kind;
  readonly object: T;
}

/** What a policy owns in Kubernetes, in the order in which it is applied. */
export function desiredObjects(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  config: ConfigFile,
  replicas: number,
  queueLostAt: string | undefined,
): readonly DesiredObject[] {
  const maintenance = maintenanceDeployment(policy, installation, config.hash, queueLostAt);
  return [
    { kind: SERVICE_ACCOUNT, object: sealed(serviceAccount(policy, installation)) },
    { kind: CONFIG_MAP, object: sealed(configMap(policy, config)) },
    {
      kind: DEPLOYMENT,
      object: withReplicas(sealed(deployment(policy, installation, config.hash)), replicas),
    },
    { kind: DISRUPTION_BUDGET, object: sealed(disruptionBudget(policy)) },
    { kind: DEPLOYMENT, object: withReplicas(sealed(maintenance), 1) },
  ];
}

/** `applied` covers everything but the replicas, which are compared by themselves. */
function sealed<T extends KubernetesObject>(object: T): T {
  const hash = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 16);
  const annotations = { ...object.metadata.annotations, [APPLIED_ANNOTATION]: hash };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function withReplicas(object: Deployment, replicas: number): Deployment {
  return object.spec ? { ...object, spec: { ...object.spec, replicas } } : object;
}

function metadataOf({ metadata }: OrderCachePolicy) {
  const { name, namespace, uid } = metadata;
  return {
    name: workerObjectName(name),
    namespace,
    labels: {
      ...workerSelector(name),
      'app.kubernetes.io/managed-by': 'order-cache-operator',
      [POLICY_LABEL]: name,
    },
    ownerReferences: [
      { apiVersion: API_VERSION, kind: KIND, name, uid, controller: true, blockOwnerDeletion: true },
    ],
  };
}

function serviceAccount(policy: OrderCachePolicy, installation: WorkerInstallation): ServiceAccount {
  return {
    apiVersion: SERVICE_ACCOUNT.apiVersion,
    kind: SERVICE_ACCOUNT.kind,
    metadata: { ...metadataOf(policy), annotations: installation.serviceAccountAnnotations },
    automountServiceAccountToken: false,
  };
}

function configMap(policy: OrderCachePolicy, config: ConfigFile): ConfigMap {
  return {
    apiVersion: CONFIG_MAP.apiVersion,
    kind: CONFIG_MAP.kind,
    metadata: metadataOf(policy),
    data: { [CONFIG_KEY]: config.text },
  };
}

function deployment(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  configHash: string,
): Deployment {
  const { name, generation } = policy.metadata;
  return {
    apiVersion: DEPLOYMENT.apiVersion,
    kind: DEPLOYMENT.kind,
    metadata: { ...metadataOf(policy), annotations: { [GENERATION_ANNOTATION]: `${generation}` } },
    spec: {
      selector: { matchLabels: workerSelector(name) },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 180,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '25%' } },
      template: workerTemplate(policy, installation, configHash),
    },
  };
}

/** Two at once would be safe, and of no use. */
function maintenanceDeployment(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  configHash: string,
  queueLostAt: string | undefined,
): Deployment {
  const { name } = policy.metadata;
  const { labels, ...metadata } = metadataOf(policy);
  const selector = maintenanceSelector(name);
  return {
    apiVersion: DEPLOYMENT.apiVersion,
    kind: DEPLOYMENT.kind,
    metadata: { ...metadata, name: maintenanceObjectName(name), labels: { ...labels, ...selector } },
    spec: {
      selector: { matchLabels: selector },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 180,
      strategy: { type: 'Recreate' },
      template: maintenanceTemplate(policy, installation, configHash, queueLostAt),
    },
  };
}

/** One at a time, however many there are: it never blocks the drain of a node. */
function disruptionBudget(policy: OrderCachePolicy): DisruptionBudget {
  return {
    apiVersion: DISRUPTION_BUDGET.apiVersion,
    kind: DISRUPTION_BUDGET.kind,
    metadata: metadataOf(policy),
    spec: { maxUnavailable: 1, selector: { matchLabels: workerSelector(policy.metadata.name) } },
  };
}
