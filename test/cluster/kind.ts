import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { binary, ensureBinaries } from './binaries.ts';
import { type Cluster, type ProductImage, publicServerImages } from './cluster-kind.ts';
import { run, succeeds } from './command.ts';
import { go } from './go.ts';
import { cacheDir, stateDir } from './layout.ts';
import { step } from './progress.ts';

/**
 * kind, where Docker works. Best effort: the project's own machines have no Docker, so only users try this way.
 * Docker builds the image from the public Node image, and kind's node pulls the servers' public images.
 */
export const kindVersion = 'v0.33.0';
const clusterName = 'order-cache';
const kubeconfig = (): string => join(stateDir, 'kind.kubeconfig');
const ownKind = (): string => join(cacheDir, 'bin', `kind-${kindVersion}`, 'kind');

/** The user's kind, or one built from its Go module into the cache. */
export async function kindCommand(): Promise<string> {
  mkdirSync(cacheDir, { recursive: true });
  if (await succeeds('kind', ['version'])) return 'kind';
  if (!existsSync(ownKind()))
    await step(`building kind ${kindVersion}, about a minute the first time`, () =>
      go(['install', `sigs.k8s.io/kind@${kindVersion}`], cacheDir, { GOBIN: join(ownKind(), '..') }),
    );
  return ownKind();
}

/** The user's kubectl, or the one of the pinned Kubernetes, built at the first call. */
export async function kubectlCommand(): Promise<string> {
  if (await succeeds('kubectl', ['version', '--client'])) return 'kubectl';
  await ensureBinaries(['kubectl']);
  return binary('kubectl');
}

const hasCluster = async (kind: string): Promise<boolean> =>
  (await run(kind, ['get', 'clusters'])).split('\n').includes(clusterName);

/** The address of the host in Docker's network of that name, where pods reach servers on this machine. */
async function gateway(): Promise<string | undefined> {
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{end}}';
  const addresses = await run('docker', ['network', 'inspect', 'kind', '--format', format]);
  return addresses.split(/\s+/).find((address) => address.includes('.'));
}

/** Docker knows what is unchanged. */
export async function buildWithDocker(image: ProductImage): Promise<void> {
  const args = ['build', '--file', image.containerfile, '--tag', image.tag, image.context];
  await step(`building image ${image.tag}`, () => run('docker', args, { deadlineMs: 900_000 }));
}

/** In the one node of kind's cluster of that name. */
export async function killInKind(name: string, containerId: string): Promise<void> {
  const kill = ['ctr', '-n', 'k8s.io', 'tasks', 'kill', '--signal', 'SIGKILL'];
  const id = containerId.replace('containerd://', '');
  await run('docker', ['exec', `${name}-control-plane`, ...kill, id]);
}

export async function ensureKind(): Promise<Cluster> {
  const kind = await kindCommand();
  mkdirSync(stateDir, { recursive: true, mode: 0o711 });
  const target = ['--name', clusterName, '--kubeconfig', kubeconfig()];
  if (!(await hasCluster(kind)))
    await step('creating a kind cluster, some minutes the first time', () =>
      run(kind, ['create', 'cluster', ...target, '--wait', '180s'], { deadlineMs: 900_000 }),
    );
  else await run(kind, ['export', 'kubeconfig', ...target]);
  const load = (what: string, image: string): Promise<string> =>
    run(kind, ['load', what, image, '--name', clusterName], { deadlineMs: 300_000 });
  return {
    kind: 'kind',
    kubeconfig: kubeconfig(),
    kubectl: await kubectlCommand(),
    nodeAddress: await gateway(),
    loadImage: async (archive) => void (await load('image-archive', archive)),
    provideImage: async (image) => {
      await buildWithDocker(image);
      await load('docker-image', image.tag);
      return image.tag;
    },
    serverImages: async () => publicServerImages,
    killContainer: (id) => killInKind(clusterName, id),
  };
}

export async function removeKind(): Promise<void> {
  const kind = await kindCommand();
  if (await hasCluster(kind))
    await run(kind, ['delete', 'cluster', '--name', clusterName], { deadlineMs: 120_000 });
}
