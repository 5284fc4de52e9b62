import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { killPods, removeCgroup } from './cgroups.ts';
import { run, succeeds, until } from './command.ts';
import { containerdSocket, ownName, runDir, stateDir } from './layout.ts';

/**
 * What pods leave behind when nobody asks containerd to stop them one by one: processes, shims, network namespaces,
 * mounts. It works as well when containerd has died, and touches only what carries our names or paths.
 */
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

/** The files of one kind in the runtime bundles of our containers. */
function inBundles(file: string): string[] {
  const bundles = join(runDir, 'containerd', 'io.containerd.runtime.v2.task', 'k8s.io');
  if (!existsSync(bundles)) return [];
  const paths = readdirSync(bundles).map((bundle) => join(bundles, bundle, file));
  return paths.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'));
}

/** The network namespaces of our pods, as their containers' runtime configuration names them. */
function networkNamespaces(): Set<string> {
  const configurations: BundleConfiguration[] = inBundles('config.json').map((text) => JSON.parse(text));
  const paths = configurations.flatMap(({ linux }) =>
    (linux?.namespaces ?? []).filter(({ type }) => type === 'network').map(({ path }) => path ?? ''),
  );
  return new Set(paths.filter((path) => path.includes('/netns/cni-')));
}

/** containerd puts its shims' sockets at one place, whatever its own directories are. */
const shimSockets = (): string[] =>
  inBundles('address').map((address) => address.trim().replace('unix://', ''));

/** Mount points below our directories, innermost first. */
function ourMounts(): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((path) => path.startsWith(`${stateDir}/`) || path.startsWith(`${runDir}/`)).reverse();
}

/** The CNI library's memory: for each pod sandbox `<our network>-<id>-eth0` and `cni-loopback-<id>-lo`. */
function cniResults(): string[] {
  const directory = '/var/lib/cni/results';
  if (!existsSync(directory)) return [];
  const ours = readdirSync(directory).filter((file) => file.startsWith(`${ownName}-`));
  const loopbacks = ours.map(
    (file) => `cni-loopback-${file.slice(ownName.length + 1).replace('-eth0', '-lo')}`,
  );
  return [...ours, ...loopbacks].map((file) => join(directory, file));
}

/** Call it after kubelet and containerd have ended, or the kubelet starts the pods again. */
export async function removePods(): Promise<void> {
  const namespaces = networkNamespaces();
  const files = [...shimSockets(), ...cniResults(), ...namespaces];
  await until('all pods are killed', 20_000, async () => killPods() === 0);
  for (const pid of shims()) process.kill(pid, 'SIGKILL');
  await until('the cgroups are removed', 10_000, async () => {
    removeCgroup();
    return true;
  });
  for (const path of namespaces) await succeeds('umount', [path]);
  for (const path of files) rmSync(path, { force: true });
  for (const path of ourMounts()) await run('umount', ['--lazy', path]);
}
