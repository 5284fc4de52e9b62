import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { apiServerReady, defaultServiceAccountExists, nodeReady } from './api-client.ts';
import { ensureBinaries } from './binaries.ts';
import { ensureCertificates } from './certificates.ts';
import { ensureCgroup } from './cgroups.ts';
import { until } from './command.ts';
import { ensureContainerd, hasImage, importArchive } from './containerd.ts';
import { controlPlaneDaemons, ensureControlPlane } from './control-plane.ts';
import { pidOf, stopDaemon } from './daemons.ts';
import { dnsBecomesReady, ensureDns } from './dns.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import { ensureKubelet, nodeBecomesReady } from './kubelet.ts';
import { kubeconfigPath, runDir, stateDir } from './layout.ts';
import { withLock } from './lock.ts';
import { ensureNetwork, ensureServiceProxy, removeNetwork } from './network.ts';
import { ensurePackages } from './packages.ts';
import { removePods } from './pod-removal.ts';
import { step } from './progress.ts';
import { buildSandboxImage, sandboxImage } from './sandbox-image.ts';

/** A one-node Kubernetes of plain processes. Reads from top to bottom as the order in which things start. */
const daemons = ['coredns', 'kube-proxy', 'kubelet', ...controlPlaneDaemons, 'containerd'];

/** Each process with its id, or undefined when it does not run. */
export const daemonStates = (): [string, number | undefined][] => daemons.map((name) => [name, pidOf(name)]);

/** True when every process runs and the node takes pods. Answers within a second or two. */
export async function componentsRunning(): Promise<boolean> {
  if (!existsSync(kubeconfigPath) || daemons.some((name) => pidOf(name) === undefined)) return false;
  return (await nodeReady().catch(() => false)) && (await apiServerReady().catch(() => false));
}

async function startAll(): Promise<void> {
  mkdirSync(stateDir, { recursive: true, mode: 0o711 });
  await ensureCertificates();
  writeKubeconfigs();
  await ensureNetwork();
  ensureCgroup();
  await step('starting etcd, API server, controllers and scheduler', ensureControlPlane);
  await ensureContainerd();
  if (!(await hasImage(sandboxImage))) await importArchive(await buildSandboxImage());
  await Promise.all([ensureKubelet(), ensureServiceProxy(), ensureDns()]);
  await step('waiting for node, DNS and service accounts', async () => {
    await Promise.all([nodeBecomesReady(), dnsBecomesReady()]);
    await until('the default service account exists', 30_000, defaultServiceAccountExists);
  });
}

/** Finds the cluster running, or installs, builds and starts what is missing. One caller at a time does it. */
export async function ensureComponents(): Promise<'found' | 'started'> {
  if (await componentsRunning()) return 'found';
  return withLock('cluster', async () => {
    if (await componentsRunning()) return 'found';
    await ensurePackages();
    await ensureBinaries();
    await startAll();
    return 'started';
  });
}

/** Ends processes, pods, mounts, bridge and tables, and removes all state; the cache of built things stays. */
export async function removeComponents(): Promise<void> {
  await withLock('cluster', async () => {
    for (const name of daemons) await stopDaemon(name);
    await removePods();
    await removeNetwork();
    for (const directory of [stateDir, runDir]) rmSync(directory, { recursive: true, force: true });
  });
}
