import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { binary } from './binaries.ts';
import type { Cluster, ProductImage, ServerImages } from './cluster-kind.ts';
import { ensureComponents } from './components.ts';
import { importArchive } from './containerd.ts';
import { buildImage } from './images.ts';
import { inState, kubeconfigPath, nodeAddress } from './layout.ts';
import { buildNodeBase } from './node-base.ts';
import { step } from './progress.ts';
import { buildServerImage, serverImage } from './server-image.ts';

/** An archive of ours has its inputs' hash in its name, so the same name is not imported twice. */
async function importOnce(archive: string): Promise<void> {
  const marker = inState('imported', basename(archive));
  if (existsSync(marker)) return;
  await step(`loading ${basename(archive)}`, () => importArchive(archive));
  mkdirSync(inState('imported'), { recursive: true });
  writeFileSync(marker, '');
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
  };
}
