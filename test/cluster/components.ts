import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { apiServerReady, defaultServiceAccountExists, nodeReady } from './api-client.ts';
import { ensureBinaries } from './binaries.ts';
import { ensureCertificates } from './certificates.ts';
import { ensureCgroup, killPods, removeCgroup } from './cgroups.ts';
import { run, succeeds, until } from './command.ts';
import { ensureContainerd, hasImage, importArchive } from './containerd.ts';
import { controlPlaneDaemons, ensureControlPlane } from './control-plane.ts';
import { pidOf, stopDaemon } from './daemons.ts';
import { dnsBecomesReady, ensureDns } from './dns.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import { ensureKubelet, nodeBecomesReady } from './kubelet.ts';
import { containerdSocket, kubeconfigPath, runDir, stateDir } from './layout.ts';
import { withLock } from './lock.ts';
import { ensureNetwork, ensureServiceProxy, removeNetwork } from './network.ts';
import { ensurePackages } from './packages.ts';
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

/** containerd's shims outlive it by design; ours have our socket in their arguments. */
function shims(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return (args[0] ?? '').includes('containerd-shim') && args.includes(containerdSocket);
      } catch {
        return false;
      }
    })
    .map(Number);
}

interface BundleConfiguration {
  readonly linux?: { readonly namespaces?: readonly { readonly type: string; readonly path?: string }[] };
}

/** The network namespaces of our pods, as their containers' runtime configuration names them. */
function networkNamespaces(): Set<string> {
  const bundles = join(runDir, 'containerd', 'io.containerd.runtime.v2.task', 'k8s.io');
  const found = new Set<string>();
  if (!existsSync(bundles)) return found;
  for (const bundle of readdirSync(bundles)) {
    const file = join(bundles, bundle, 'config.json');
    if (!existsSync(file)) continue;
    const configuration: BundleConfiguration = JSON.parse(readFileSync(file, 'utf8'));
    const namespace = configuration.linux?.namespaces?.find(({ type }) => type === 'network');
    if (namespace?.path?.includes('/netns/cni-')) found.add(namespace.path);
  }
  return found;
}

/** Mount points below our directories, innermost first. */
function ourMounts(): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((path) => path.startsWith(`${stateDir}/`) || path.startsWith(`${runDir}/`)).reverse();
}

async function removePods(): Promise<void> {
  const namespaces = networkNamespaces();
  await until('all pods are killed', 20_000, async () => killPods() === 0);
  for (const pid of shims()) process.kill(pid, 'SIGKILL');
  await until('the cgroups are removed', 10_000, async () => {
    removeCgroup();
    return true;
  });
  for (const path of namespaces) {
    await succeeds('umount', [path]);
    rmSync(path, { force: true });
  }
}

/** Ends processes, pods, mounts, bridge and tables, and removes all state; the cache of built things stays. */
export async function removeComponents(): Promise<void> {
  await withLock('cluster', async () => {
    for (const name of daemons) await stopDaemon(name);
    await removePods();
    for (const path of ourMounts()) await run('umount', ['--lazy', path]);
    await removeNetwork();
    for (const directory of [stateDir, runDir]) rmSync(directory, { recursive: true, force: true });
  });
}
