import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, succeeds, until } from './command.ts';
import { type Daemon, ensureDaemon, writeConfiguration } from './daemons.ts';
import { containerdSocket, inState, runDir } from './layout.ts';
import { sandboxImage } from './sandbox-image.ts';

/**
 * A containerd of this cluster's own: root, state and socket apart from one that the user may run.
 * `restrict_oom_score_adj`: where root lacks CAP_SYS_RESOURCE every sandbox would die with
 * "can't get final child's PID from pipe: EOF".
 */
const configuration = (): string => `version = 2
root = "${inState('containerd')}"
state = "${join(runDir, 'containerd')}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "${containerdSocket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "${inState('containerd', 'opt')}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandboxImage}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${inState('cni')}"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
`;

const daemon = (file: string): Daemon => ({
  name: 'containerd',
  command: '/usr/bin/containerd',
  args: ['--config', file],
  configuration: configuration(),
});

const ctr = (...args: string[]): [string, string[]] => [
  'ctr',
  ['--address', containerdSocket, '--namespace', 'k8s.io', ...args],
];

export async function ensureContainerd(): Promise<void> {
  mkdirSync(runDir, { recursive: true, mode: 0o711 });
  const file = writeConfiguration('containerd.toml', configuration());
  await ensureDaemon(daemon(file));
  await until('containerd answers', 30_000, () => succeeds(...ctr('version')));
}

export async function hasImage(tag: string): Promise<boolean> {
  return (await run(...ctr('images', 'ls', '--quiet', `name==${tag}`))).trim() !== '';
}

/** Makes the images of a docker-archive available to pods with `imagePullPolicy: IfNotPresent`. */
export async function importArchive(archive: string): Promise<void> {
  if (!existsSync(archive)) throw new Error(`no image archive at ${archive}`);
  await run(...ctr('images', 'import', archive), { deadlineMs: 300_000 });
}

/** `containerId`: as the pod's status has it, containerd://<id>. */
export async function killContainer(containerId: string): Promise<void> {
  await run(...ctr('tasks', 'kill', '--signal', 'SIGKILL', containerId.replace('containerd://', '')));
}
