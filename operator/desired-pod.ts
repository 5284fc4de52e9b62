import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { CONFIG_HASH_ANNOTATION, workerObjectName, workerSelector } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { type ConnectionName, WORKER_ENVIRONMENT, WORKER_HTTP_PORT } from '../api/worker-config.ts';
import { CONFIG_KEY } from './desired-config.ts';
import { connectionSecrets } from './worker-route.ts';

/** What the installation decides about every worker pod; a policy's author has no say in it. */
export interface WorkerInstallation {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never' | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly logLevel: string;
}

const CONFIG_DIRECTORY = '/etc/ordercache/config';
const CREDENTIALS_DIRECTORY = '/etc/ordercache/credentials';
/** `nonroot` of the image. */
const USER_ID = 65532;

/** The worker pod: admitted by Pod Security `restricted`. */
export function podTemplate(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  configHash: string,
): V1PodTemplateSpec {
  const { name } = policy.metadata;
  const { workers } = policy.spec;
  return {
    metadata: {
      labels: { ...workers.labels, ...workerSelector(name) },
      annotations: { ...workers.annotations, [CONFIG_HASH_ANNOTATION]: configHash },
    },
    spec: {
      serviceAccountName: workerObjectName(name),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: workers.terminationGracePeriodSeconds,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER_ID,
        runAsGroup: USER_ID,
        fsGroup: USER_ID,
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
          labelSelector: { matchLabels: workerSelector(name) },
        },
      ],
      containers: [container(policy, installation, configHash)],
      volumes: volumes(policy),
    },
  };
}

function container(policy: OrderCachePolicy, installation: WorkerInstallation, configHash: string) {
  const { requests, limits } = policy.spec.workers.resources;
  return {
    name: 'worker',
    image: installation.image,
    ...(installation.imagePullPolicy && { imagePullPolicy: installation.imagePullPolicy }),
    command: ['node', '/app/worker.js'],
    env: [
      { name: WORKER_ENVIRONMENT.configFile, value: `${CONFIG_DIRECTORY}/${CONFIG_KEY}` },
      { name: WORKER_ENVIRONMENT.configHash, value: configHash },
      { name: WORKER_ENVIRONMENT.credentialsDirectory, value: CREDENTIALS_DIRECTORY },
      { name: WORKER_ENVIRONMENT.httpPort, value: `${WORKER_HTTP_PORT}` },
      { name: WORKER_ENVIRONMENT.logLevel, value: installation.logLevel },
    ],
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
      ...[...connectionSecrets(policy).keys()].map((connection) => ({
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

function volumes(policy: OrderCachePolicy) {
  const readable = { defaultMode: 0o440 };
  return [
    { name: 'config', configMap: { name: workerObjectName(policy.metadata.name), ...readable } },
    ...[...connectionSecrets(policy)].map(([connection, secretName]) => ({
      name: volumeName(connection),
      secret: { secretName, ...readable },
    })),
  ];
}

function volumeName(connection: ConnectionName): string {
  return `${connection}-credentials`;
}

/** The API server reads `cpu: 1` and `cpu: "1"` alike; the client's types know strings only. */
function asStrings(quantities: { cpu?: string | number; memory?: string | number }): Record<string, string> {
  const given = Object.entries(quantities).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, `${value}`]));
}
