import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, succeeds } from '../../test/cluster/command.ts';
import { buildOciArchive } from '../../test/cluster/images.ts';
import { buildNodeBase } from '../../test/cluster/node-base.ts';
import { fileNames } from './places.ts';
import { withFixedTimes } from './tar.ts';

/** The image as an OCI archive, which is what a registry would hold. */
export interface ReleaseImage {
  readonly containerfile: string;
  /** Has dist/image. */
  readonly context: string;
  /** Repository and tag. */
  readonly reference: string;
  readonly version: string;
  readonly revision: string;
  /** Seconds since 1970. */
  readonly created: number;
}

/** Docker builds what a release builds, for both platforms, from the public Node image. Not run on this project's machines. */
async function withDocker(image: ReleaseImage, archive: string): Promise<string> {
  const metadata = `${archive}.json`;
  const platforms = ['--platform', 'linux/amd64,linux/arm64', '--provenance=mode=max', '--sbom=true'];
  const labels = [`VERSION=${image.version}`, `REVISION=${image.revision}`];
  const args = ['--file', image.containerfile, ...labels.flatMap((label) => ['--build-arg', label])];
  const out = ['--output', `type=oci,dest=${archive},name=${image.reference}`, '--metadata-file', metadata];
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(image.created) };
  await run('docker', ['buildx', 'build', ...platforms, ...args, ...out, image.context], {
    env,
    deadlineMs: 900_000,
  });
  const { 'containerimage.digest': digest }: Record<string, string> = JSON.parse(
    readFileSync(metadata, 'utf8'),
  );
  if (digest === undefined) throw new Error(`${metadata}: expected containerimage.digest, got none`);
  return digest;
}

/** Of the platform of this machine, with the Node that runs this. */
async function withBuildah(image: ReleaseImage, archive: string): Promise<string> {
  const { containerfile, context, reference, version, revision, created } = image;
  const buildArgs = { BASE: await buildNodeBase(), VERSION: version, REVISION: revision };
  const digest = await buildOciArchive(
    { containerfile, context, tag: reference, buildArgs },
    archive,
    created,
  );
  writeFileSync(archive, withFixedTimes(readFileSync(archive), created));
  return digest;
}

/** Builds with Docker where it answers, else with buildah; returns the digest that a registry would give. */
export async function buildReleaseImage(image: ReleaseImage, directory: string): Promise<string> {
  const archive = join(directory, fileNames(image.version).image);
  const docker = await succeeds('docker', ['buildx', 'inspect'], { deadlineMs: 10_000 });
  return docker ? withDocker(image, archive) : withBuildah(image, archive);
}
