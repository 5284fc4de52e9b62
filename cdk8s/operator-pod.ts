import { k8s } from 'cdk8s-plus-27';
import { imageReference } from './values.ts';
import type { InstallValues } from './values-schema.ts';

export const OPERATOR_PORT = 8080;

/** Who the operator is in the cluster. */
export interface Identity {
  /** Of every object of the operator, and the value of its instance label. */
  readonly name: string;
  readonly namespace: string;
  /** Of the operator; also the image's tag where the values give none. */
  readonly version: string;
}

/** The labels that tell the operator's pods; a Deployment's selector never changes. */
export function selectorLabels(name: string): Record<string, string> {
  return { 'app.kubernetes.io/name': 'order-cache-operator', 'app.kubernetes.io/instance': name };
}

/** Of every object; a commonLabel does not displace one of these. */
export function labelsOf(identity: Identity, values: InstallValues): Record<string, string> {
  return { ...values.commonLabels, ...ownLabels(identity) };
}

export function podLabels(identity: Identity, values: InstallValues): Record<string, string> {
  return { ...values.commonLabels, ...values.podLabels, ...ownLabels(identity) };
}

function ownLabels({ name, version }: Identity): Record<string, string> {
  return { ...selectorLabels(name), 'app.kubernetes.io/version': version };
}

export function serviceAccountName({ name }: Identity, { serviceAccount }: InstallValues): string {
  return serviceAccount.name || name;
}

/** With the default values a pod that Pod Security `restricted` admits. */
export function operatorPod(identity: Identity, values: InstallValues): k8s.PodSpec {
  return {
    serviceAccountName: serviceAccountName(identity, values),
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: withoutAssigned(values.podSecurityContext, values),
    containers: [operatorContainer(identity, values)],
    ...given({
      imagePullSecrets: values.imagePullSecrets,
      nodeSelector: values.nodeSelector,
      tolerations: values.tolerations as unknown as k8s.Toleration[],
      affinity: values.affinity as k8s.Affinity,
    }),
    topologySpreadConstraints: spread(identity, values),
    ...(values.priorityClassName && { priorityClassName: values.priorityClassName }),
  };
}

function spread(identity: Identity, values: InstallValues): k8s.TopologySpreadConstraint[] {
  if (values.topologySpreadConstraints.length > 0)
    return values.topologySpreadConstraints as unknown as k8s.TopologySpreadConstraint[];
  return [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: selectorLabels(identity.name) },
    },
  ];
}

/** What the platform assigns is left out where it says that it does. */
function withoutAssigned(context: Record<string, unknown>, { platform }: InstallValues): object {
  if (!platform.openshift) return context;
  const { runAsUser: _, runAsGroup: __, fsGroup: ___, ...rest } = context;
  return rest;
}

/** Without what is empty. */
function given<T extends object>(fields: T): Partial<T> {
  const filled = Object.entries(fields).filter(([, value]) => Object.keys(value).length > 0);
  return Object.fromEntries(filled) as Partial<T>;
}

function operatorContainer(identity: Identity, values: InstallValues): k8s.Container {
  return {
    name: 'operator',
    image: imageReference(values.image, identity.version),
    imagePullPolicy: values.image.pullPolicy,
    command: ['node', '/app/operator.js'],
    env: [
      ...settings(identity, values),
      ...podEnvironment(),
      ...(values.extraEnv as unknown as k8s.EnvVar[]),
    ],
    ports: [{ name: 'http', containerPort: OPERATOR_PORT }],
    startupProbe: { ...probe('/healthz'), periodSeconds: 2, failureThreshold: 30 },
    livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 5, failureThreshold: 2 },
    resources: quantities(values.resources),
    securityContext: withoutAssigned(values.securityContext, values),
  };
}

function settings(identity: Identity, values: InstallValues): k8s.EnvVar[] {
  const watched = values.clusterWide ? [] : values.watchNamespaces.map(({ name }) => name);
  const settings = {
    ORDERCACHE_INSTALLATION: values.installation,
    ORDERCACHE_WATCH_NAMESPACES: watched.join(','),
    ORDERCACHE_WORKER_IMAGE: workerImage(identity, values),
    ORDERCACHE_WORKER_IMAGE_PULL_POLICY: values.image.pullPolicy,
    ORDERCACHE_WORKER_IMAGE_PULL_SECRETS: values.imagePullSecrets.map(({ name }) => name).join(','),
    ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS: JSON.stringify(values.workerServiceAccountAnnotations),
    ORDERCACHE_LOG_LEVEL: values.logLevel,
    ORDERCACHE_WORKER_LOG_LEVEL: values.workerLogLevel,
    ORDERCACHE_WORKER_FIXED_USER_ID: `${!values.platform.openshift}`,
    ORDERCACHE_HTTP_PORT: `${OPERATOR_PORT}`,
  };
  return Object.entries(settings).map(([name, value]) => ({ name, value }));
}

function workerImage(identity: Identity, { image, workerImage }: InstallValues): string {
  return imageReference(workerImage.repository === '' ? image : workerImage, identity.version);
}

function podEnvironment(): k8s.EnvVar[] {
  return [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
  ];
}

function probe(path: string): k8s.Probe {
  return { httpGet: { path, port: k8s.IntOrString.fromString('http') }, timeoutSeconds: 3 };
}

function quantities({ requests, limits }: InstallValues['resources']): k8s.ResourceRequirements {
  const typed = (amounts: object) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, quantity(amount)]));
  return { requests: typed(requests), limits: typed(limits) };
}

function quantity(amount: string | number): k8s.Quantity {
  return typeof amount === 'number' ? k8s.Quantity.fromNumber(amount) : k8s.Quantity.fromString(amount);
}
