import { mkdirSync } from 'node:fs';
import { nodeReady } from './api-client.ts';
import { binary } from './binaries.ts';
import { authorityPath, certificateOf, keyOf } from './certificates.ts';
import { until } from './command.ts';
import { ensureDaemon, mustRun, writeConfiguration } from './daemons.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import { clusterDomain, containerdSocket, inState, nodeAddress, nodeName, ownName } from './layout.ts';

/**
 * - cgroup v1 is allowed, and all pods are under a cgroup of this cluster, which `down` can remove.
 * - Nothing is evicted and no image collected because of a full disk: images cannot be pulled again.
 * - Its own out-of-memory score stays: root may lack CAP_SYS_RESOURCE.
 */
const configuration = () => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: nodeAddress,
  healthzBindAddress: nodeAddress,
  tlsCertFile: certificateOf('kubelet'),
  tlsPrivateKeyFile: keyOf('kubelet'),
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: authorityPath() },
  },
  authorization: { mode: 'Webhook' },
  clusterDomain,
  clusterDNS: [nodeAddress],
  resolvConf: '/etc/resolv.conf',
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${ownName}`,
  failCgroupV1: false,
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  enforceNodeAllocatable: [],
  evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'memory.available': '50Mi' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  makeIPTablesUtilChains: false,
  oomScoreAdj: 0,
  podLogsDir: inState('pod-logs'),
  registerNode: true,
  maxPods: 60,
  serializeImagePulls: false,
  syncFrequency: '20s',
  volumePluginDir: inState('kubelet', 'plugins'),
});

export async function ensureKubelet(): Promise<void> {
  mkdirSync(inState('kubelet'), { recursive: true });
  const contents = JSON.stringify(configuration(), null, 2);
  const file = writeConfiguration('kubelet.json', contents);
  await ensureDaemon({
    name: 'kubelet',
    command: binary('kubelet'),
    args: [
      `--config=${file}`,
      `--kubeconfig=${kubeconfigOf('kubelet')}`,
      `--root-dir=${inState('kubelet')}`,
      `--cert-dir=${inState('pki')}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
    ],
    configuration: contents,
  });
}

/** The node's status alone may be that of a kubelet that has died. */
async function kubeletHealthy(): Promise<boolean> {
  const url = `http://${nodeAddress}:10248/healthz`;
  return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
}

export const nodeBecomesReady = (): Promise<void> =>
  until('the node is ready', 120_000, async () => {
    mustRun('kubelet');
    return (await kubeletHealthy()) && (await nodeReady());
  });
