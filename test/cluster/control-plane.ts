import { apiServerReady } from './api-client.ts';
import { binary } from './binaries.ts';
import { authorityPath, certificateOf, type IdentityName, keyOf, serviceAccountKey } from './certificates.ts';
import { until } from './command.ts';
import { type Daemon, ensureDaemon, mustRun } from './daemons.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import { apiPort, inState, nodeAddress, podCidr, serviceCidr } from './layout.ts';

/** etcd, API server, controller manager and scheduler. They listen on the node's address only. */
const flags = (values: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`);

const tls = (certificate: string, key: string, authority: string, identity: IdentityName) => ({
  [certificate]: certificateOf(identity),
  [key]: keyOf(identity),
  [authority]: authorityPath(),
});

const clientUrl = `https://${nodeAddress}:2379`;
const peerUrl = `https://${nodeAddress}:2380`;

/** Without fsync: a power cut costs a test cluster, and on slow disks every write would wait. */
const etcd = (): Daemon => ({
  name: 'etcd',
  command: binary('etcd'),
  args: flags({
    name: 'default',
    'data-dir': inState('etcd'),
    'unsafe-no-fsync': true,
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `default=${peerUrl}`,
    'client-cert-auth': true,
    'peer-client-cert-auth': true,
    ...tls('cert-file', 'key-file', 'trusted-ca-file', 'etcd'),
    ...tls('peer-cert-file', 'peer-key-file', 'peer-trusted-ca-file', 'etcd'),
    'log-level': 'warn',
  }),
});

const apiServer = (): Daemon => ({
  name: 'kube-apiserver',
  command: binary('kube-apiserver'),
  args: flags({
    'bind-address': nodeAddress,
    'advertise-address': nodeAddress,
    'secure-port': apiPort,
    'service-cluster-ip-range': serviceCidr,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': true,
    'client-ca-file': authorityPath(),
    'tls-cert-file': certificateOf('apiserver'),
    'tls-private-key-file': keyOf('apiserver'),
    'etcd-servers': clientUrl,
    ...tls('etcd-certfile', 'etcd-keyfile', 'etcd-cafile', 'etcd'),
    'kubelet-preferred-address-types': 'InternalIP',
    ...tls(
      'kubelet-client-certificate',
      'kubelet-client-key',
      'kubelet-certificate-authority',
      'apiserver-kubelet-client',
    ),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': serviceAccountKey(),
    'service-account-signing-key-file': serviceAccountKey(),
    profiling: false,
  }),
});

/** The grace period is long: on a busy machine a late heartbeat is no reason to evict every pod. */
const controllerManager = (): Daemon => ({
  name: 'kube-controller-manager',
  command: binary('kube-controller-manager'),
  args: flags({
    kubeconfig: kubeconfigOf('controller-manager'),
    'bind-address': nodeAddress,
    'leader-elect': false,
    'use-service-account-credentials': true,
    'service-account-private-key-file': serviceAccountKey(),
    'root-ca-file': authorityPath(),
    'cluster-cidr': podCidr,
    'node-monitor-grace-period': '300s',
  }),
});

const scheduler = (): Daemon => ({
  name: 'kube-scheduler',
  command: binary('kube-scheduler'),
  args: flags({
    kubeconfig: kubeconfigOf('scheduler'),
    'bind-address': nodeAddress,
    'leader-elect': false,
  }),
});

export async function ensureControlPlane(): Promise<void> {
  await ensureDaemon(etcd());
  await ensureDaemon(apiServer());
  await until('the API server is ready', 120_000, () => {
    for (const name of ['etcd', 'kube-apiserver']) mustRun(name);
    return apiServerReady();
  });
  await ensureDaemon(controllerManager());
  await ensureDaemon(scheduler());
}

export const controlPlaneDaemons = ['kube-scheduler', 'kube-controller-manager', 'kube-apiserver', 'etcd'];
