import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { binary } from './binaries.ts';
import type { Cluster, ProductImage, ServerImages } from './cluster-kind.ts';
import { ensureComponents } from './components.ts';
import { importArchive, killContainer } from './containerd.ts';
import { buildImage } from './images.ts';
import { inState, kubeconfigPath, nodeAddress } from './layout.ts';
import { buildNodeBase } from './node-base.ts';
import { step } from './progress.ts';
import { buildServerImage, serverImage } from './server-image.ts';

/** An archive of ours is `<tag>@<hash of inputs>.tar`. The file of a tag says which of them pods get now. */
async function importOnce(archive: string): Promise<void> {
  const name = basename(archive);
  const current = inState('imported', name.slice(0, name.lastIndexOf('@')));
  if (existsSync(current) && readFileSync(current, 'utf8') === name) return;
  await step(`loading ${name}`, () => importArchive(archive));
  mkdirSync(inState('imported'), { recursive: true });
  writeFileSync(current, name);
}

async function provideImage(image: ProductImage): Promise<string> {
  const buildArgs = { BASE: await buildNodeBase() };
  await importOnce(await buildImage({ ...image, buildArgs }));
  return image.tag;
}

async function serverImages(): Promise<ServerImages> {
  await importOnce(await buildServerImage());
  return { rabbitmq: serverImage, redis: serverImage, postgres: serverImage };
}

/** The cluster of Go modules and Debian packages, running. */
export async function ensureComponentsCluster(): Promise<Cluster> {
  await ensureComponents();
  return {
    kind: 'components',
    kubeconfig: kubeconfigPath,
    kubectl: binary('kubectl'),
    nodeAddress,
    loadImage: importArchive,
    provideImage,
    serverImages,
    killContainer,
  };
}
