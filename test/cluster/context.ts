import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, type ProductImage, publicServerImages } from './cluster-kind.ts';
import { run, succeeds } from './command.ts';
import { buildWithDocker, kindCommand, kubectlCommand } from './kind.ts';
import { stateDir } from './layout.ts';

/**
 * A cluster of the user's, named by CONTEXT. Nothing is installed and nothing is started.
 * Its image is IMAGE, which the user has pushed; into a kind cluster it is loaded from Docker.
 */
const kindName = (context: string): string | undefined => /^kind-(.+)$/.exec(context)?.[1];

/** A copy with this one context, so that nobody depends on what the user's kubectl points at meanwhile. */
async function copyOfContext(kubectl: string, context: string): Promise<string> {
  const view = ['config', 'view', '--raw', '--flatten', '--minify', `--context=${context}`];
  const contents = await run(kubectl, view);
  const directory = join(stateDir, '..', 'contexts');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, `${context.replaceAll(/[^a-zA-Z0-9.-]/g, '_')}.kubeconfig`);
  writeFileSync(file, contents, { mode: 0o600 });
  return file;
}

async function loadIntoKind(
  name: string,
  what: 'docker-image' | 'image-archive',
  image: string,
): Promise<void> {
  await run(await kindCommand(), ['load', what, image, '--name', name], { deadlineMs: 300_000 });
}

async function provideImage(context: string, image: ProductImage): Promise<string> {
  const pushed = process.env.IMAGE;
  const kind = kindName(context);
  if (kind === undefined) {
    if (pushed) return pushed;
    throw new Error(`context ${context}: push the image and name it, IMAGE=registry/name:tag`);
  }
  const tag = pushed || image.tag;
  if (!pushed) await buildWithDocker(image);
  if (await succeeds('docker', ['image', 'inspect', tag])) await loadIntoKind(kind, 'docker-image', tag);
  return tag;
}

export async function useContext(context: string): Promise<Cluster> {
  const kubectl = await kubectlCommand();
  const kubeconfig = await copyOfContext(kubectl, context);
  await run(kubectl, ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz'], { deadlineMs: 20_000 });
  const kind = kindName(context);
  return {
    kind: 'context',
    kubeconfig,
    kubectl,
    nodeAddress: undefined,
    loadImage: async (archive) => {
      if (kind === undefined)
        throw new Error(`context ${context}: images are pushed to a registry, not loaded`);
      await loadIntoKind(kind, 'image-archive', archive);
    },
    provideImage: (image) => provideImage(context, image),
    serverImages: async () => publicServerImages,
    killContainer: undefined,
  };
}
