import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { CONFIG_HASH_ANNOTATION, workerObjectName, workerSelector } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { WORKER_ENVIRONMENT, WORKER_HTTP_PORT } from '../api/worker-config.ts';
import { CONFIG_KEY } from './desired-config.ts';
import { connectionSecrets } from './worker-route.ts';

/** What the installation decides about every pod of a policy; a policy's author has no say in it. */
export interface WorkerInstallation {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never' | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly logLevel: string;
  /** False: the platform assigns the user id (OpenShift refuses any that is outside of the namespace's range). */
  readonly fixedUserId: boolean;
}

const CONFIG_DIRECTORY = '/etc/ordercache/config';
const CREDENTIALS_DIRECTORY = '/etc/ordercache/credentials';
/** The user of the image. */
const USER_ID = 65532;

/** A pod of a policy, whichever it is. */
export interface PodParts {
  readonly selector: Readonly<Record<string, string>>;
  readonly containerName: string;
  /** In the image's directory. */
  readonly program: string;
  readonly resources: OrderCachePolicy['spec']['workers']['resources'];
  readonly secrets: ReadonlyMap<string, string>;
  /** Beside `WORKER_ENVIRONMENT`. */
  readonly variables: Readonly<Record<string, string>>;
}

export function workerTemplate(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  configHash: string,
): V1PodTemplateSpec {
  return podTemplate(policy, installation, configHash, {
    selector: workerSelector(policy.metadata.name),
    containerName: 'worker',
    program: 'worker.js',
    resources: policy.spec.workers.resources,
    secrets: connectionSecrets(policy),
    variables: {},
  });
}

/** Admitted by Pod Security `restricted`. */
export function podTemplate(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  configHash: string,
  parts: PodParts,
): V1PodTemplateSpec {
  const { name } = policy.metadata;
  const { workers } = policy.spec;
  return {
    metadata: {
      labels: { ...workers.labels, ...parts.selector },
      annotations: { ...workers.annotations, [CONFIG_HASH_ANNOTATION]: configHash },
    },
    spec: {
      serviceAccountName: workerObjectName(name),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: workers.terminationGracePeriodSeconds,
      securityContext: {
        runAsNonRoot: true,
        ...(installation.fixedUserId && { runAsUser: USER_ID, runAsGroup: USER_ID, fsGroup: USER_ID }),
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(installation.imagePullSecrets.length > 0 && {
        imagePullSecrets: installation.imagePullSecrets.map((secret) => ({ name: secret })),
      }),
      ...(workers.nodeSelector && { nodeSelector: workers.nodeSelector }),
      ...(workers.tolerations && { tolerations: workers.tolerations }),
      ...(workers.priorityClassName && { priorityClassName: workers.priorityClassName }),
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: parts.selector },
        },
      ],
      containers: [container(installation, configHash, parts)],
      volumes: volumes(name, installation, parts.secrets),
    },
  };
}

function container(installation: WorkerInstallation, configHash: string, parts: PodParts) {
  const { requests, limits } = parts.resources;
  const variables = {
    [WORKER_ENVIRONMENT.configFile]: `${CONFIG_DIRECTORY}/${CONFIG_KEY}`,
    [WORKER_ENVIRONMENT.configHash]: configHash,
    [WORKER_ENVIRONMENT.credentialsDirectory]: CREDENTIALS_DIRECTORY,
    [WORKER_ENVIRONMENT.httpPort]: `${WORKER_HTTP_PORT}`,
    [WORKER_ENVIRONMENT.logLevel]: installation.logLevel,
    ...parts.variables,
  };
  return {
    name: parts.containerName,
    image: installation.image,
    ...(installation.imagePullPolicy && { imagePullPolicy: installation.imagePullPolicy }),
    command: ['node', `/app/${parts.program}`],
    env: Object.entries(variables).map(([name, value]) => ({ name, value })),
    ports: [{ name: 'http', containerPort: WORKER_HTTP_PORT, protocol: 'TCP' }],
    resources: { requests: asStrings(requests), limits: asStrings(limits) },
    ...probes(),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      ...[...parts.secrets.keys()].map((connection) => ({
        name: volumeName(connection),
        mountPath: `${CREDENTIALS_DIRECTORY}/${connection}`,
        readOnly: true,
      })),
    ],
  };
}

function probes() {
  const get = (path: string) => ({ httpGet: { path, port: 'http' }, timeoutSeconds: 3 });
  return {
    // A worker waits up to 60 s for the kubelet to bring the configuration that its hash names.
    startupProbe: { ...get('/healthz'), periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: { ...get('/healthz'), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...get('/readyz'), periodSeconds: 5, failureThreshold: 2 },
  };
}

/**
 * The group of the files is the pod's fsGroup. Without one they belong to root, and an assigned user may be in no group
 * of theirs: then everybody in the pod, which is one container, may read them.
 */
function volumes(
  policyName: string,
  { fixedUserId }: WorkerInstallation,
  secrets: ReadonlyMap<string, string>,
) {
  const readable = { defaultMode: fixedUserId ? 0o440 : 0o444 };
  return [
    { name: 'config', configMap: { name: workerObjectName(policyName), ...readable } },
    ...[...secrets].map(([connection, secretName]) => ({
      name: volumeName(connection),
      secret: { secretName, ...readable },
    })),
  ];
}

function volumeName(connection: string): string {
  return `${connection}-credentials`;
}

/** The API server reads `cpu: 1` and `cpu: "1"` alike; the client's types know strings only. */
function asStrings(quantities: { cpu?: string | number; memory?: string | number }): Record<string, string> {
  const given = Object.entries(quantities).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, `${value}`]));
}
