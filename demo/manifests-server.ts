import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { type ServerName, sha256 } from './manifests-accounts.ts';

/** The account in the public images of all three servers that is not root. */
const UID = 999;

/** One server: a Deployment of one restricted pod, its Service, its files and its secret files. */
export interface Server {
  readonly name: ServerName;
  readonly image: string;
  readonly command: string[];
  readonly environment?: Record<string, string>;
  readonly ports: Record<string, number>;
  /** Files under /config. */
  readonly config: Record<string, string>;
  /** Files under /secrets. */
  readonly secrets: Record<string, string>;
  readonly readiness: k8s.Probe;
  readonly requests: { cpu: string; memory: string };
  readonly memoryLimit: string;
  readonly terminationGracePeriodSeconds: number;
}

/** /state outlives the container, not the pod. */
export function addServer(scope: Construct, server: Server): void {
  const { name, config, secrets } = server;
  new k8s.KubeConfigMap(scope, `${name}-config`, { metadata: { name: `${name}-config` }, data: config });
  new k8s.KubeSecret(scope, `${name}-server`, { metadata: { name: `${name}-server` }, stringData: secrets });
  new k8s.KubeService(scope, `${name}-service`, {
    metadata: { name },
    spec: { selector: labels(server), ports: servicePorts(server) },
  });
  new k8s.KubeDeployment(scope, `${name}-deployment`, {
    metadata: { name, labels: labels(server) },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: labels(server) },
      template: {
        metadata: { labels: labels(server), annotations: { 'order-cache-demo/files': filesHash(server) } },
        spec: podSpec(server),
      },
    },
  });
}

function podSpec(server: Server): k8s.PodSpec {
  const { name } = server;
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: server.terminationGracePeriodSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: UID,
      runAsGroup: UID,
      fsGroup: UID,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container(server)],
    volumes: [
      { name: 'config', configMap: { name: `${name}-config` } },
      { name: 'secrets', secret: { secretName: `${name}-server`, defaultMode: 0o440 } },
      { name: 'state', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
  };
}

function container(server: Server): k8s.Container {
  const quantity = k8s.Quantity.fromString;
  const { requests, memoryLimit } = server;
  return {
    name: server.name,
    image: server.image,
    imagePullPolicy: 'IfNotPresent',
    command: server.command,
    env: Object.entries(server.environment ?? {}).map(([name, value]) => ({ name, value })),
    ports: Object.entries(server.ports).map(([name, containerPort]) => ({ name, containerPort })),
    readinessProbe: { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2, ...server.readiness },
    resources: {
      requests: { cpu: quantity(requests.cpu), memory: quantity(requests.memory) },
      limits: { memory: quantity(memoryLimit) },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'config', mountPath: '/config', readOnly: true },
      { name: 'secrets', mountPath: '/secrets', readOnly: true },
      { name: 'state', mountPath: '/state' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

function servicePorts({ ports }: Server): k8s.ServicePort[] {
  return Object.entries(ports).map(([name, port]) => ({
    name,
    port,
    targetPort: k8s.IntOrString.fromString(name),
  }));
}

function labels({ name }: Server): Record<string, string> {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'order-cache-demo' };
}

/** The servers read their files when they start: a change of them restarts the pod. */
function filesHash({ config, secrets }: Server): string {
  return sha256(JSON.stringify([config, secrets]))
    .toString('hex')
    .slice(0, 16);
}
