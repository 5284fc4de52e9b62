import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './command.ts';
import { cacheDir, runDir } from './layout.ts';
import { withLock } from './lock.ts';
import { step } from './progress.ts';

/**
 * Images without Docker and without a registry: buildah in a chroot, with storage of its own in the cache.
 * The result is a docker-archive, which containerd, Docker and kind all read.
 */
export interface ImageBuild {
  readonly containerfile: string;
  readonly context: string;
  readonly tag: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Files and directories whose contents decide whether to build again. Default: the whole context. */
  readonly inputs?: readonly string[];
}

const archives = join(cacheDir, 'images');

function hashTree(hash: ReturnType<typeof createHash>, path: string, name: string): void {
  const stat = lstatSync(path);
  hash.update(`${name}\0${stat.mode}\0`);
  if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
  else if (stat.isFile()) hash.update(readFileSync(path));
  else if (stat.isDirectory()) {
    const entries = readdirSync(path).filter((entry) => entry !== '.git' && entry !== 'node_modules');
    for (const entry of entries.sort()) hashTree(hash, join(path, entry), `${name}/${entry}`);
  }
}

/** SHA-256 of files and directories: names, modes and contents. `.git` and `node_modules` do not count. */
export function contentHash(paths: readonly string[], more: readonly string[] = []): string {
  const hash = createHash('sha256').update(JSON.stringify(more));
  for (const path of paths) hashTree(hash, path, basename(path));
  return hash.digest('hex').slice(0, 16);
}

const buildah = (...args: string[]): Promise<string> => {
  const storage = ['--storage-driver', 'vfs', '--root', join(archives, 'storage')];
  return run('buildah', [...storage, '--runroot', join(runDir, 'buildah'), ...args], { deadlineMs: 600_000 });
};

const fileName = (tag: string): string => tag.replaceAll(/[^a-zA-Z0-9.-]/g, '_');

function removeOlder(tag: string): void {
  for (const file of readdirSync(archives))
    if (file.startsWith(`${fileName(tag)}@`)) rmSync(join(archives, file), { force: true });
}

async function bud(image: ImageBuild, more: readonly string[] = []): Promise<void> {
  const buildArgs = Object.entries(image.buildArgs ?? {}).flatMap(([k, v]) => ['--build-arg', `${k}=${v}`]);
  const how = ['--isolation', 'chroot', '--layers=false', '--pull-never', '--format', 'docker'];
  const what = ['--file', image.containerfile, '--tag', image.tag, image.context];
  await buildah('bud', ...how, ...more, ...buildArgs, ...what);
}

async function build(image: ImageBuild, archive: string): Promise<void> {
  const unfinished = join(archives, `unfinished-${basename(archive)}`);
  await bud(image);
  rmSync(unfinished, { force: true }); // an archive that exists is not written to
  await buildah('push', image.tag, `docker-archive:${unfinished}:${image.tag}`);
  await buildah('rmi', '--force', image.tag);
  removeOlder(image.tag);
  renameSync(unfinished, archive);
}

/**
 * Builds an image unless its inputs are unchanged; returns the path of its docker-archive.
 * The Containerfile can FROM only `scratch` and what `ensureBaseImage` has made.
 */
export async function buildImage(image: ImageBuild): Promise<string> {
  const { containerfile, context, tag, buildArgs = {}, inputs = [context] } = image;
  mkdirSync(archives, { recursive: true });
  const hash = contentHash([containerfile, ...inputs], [tag, JSON.stringify(buildArgs)]);
  const archive = join(archives, `${fileName(tag)}@${hash}.tar`);
  if (existsSync(archive)) return archive;
  return withLock('images', async () => {
    if (!existsSync(archive)) await step(`building image ${tag}`, () => build(image, archive));
    return archive;
  });
}

/**
 * Builds an image anew as an OCI archive; returns the digest of its manifest.
 * The same inputs, base image and `created` (seconds since 1970) give the same digest.
 */
export async function buildOciArchive(image: ImageBuild, archive: string, created: number): Promise<string> {
  const digest = `${archive}.digest`;
  mkdirSync(archives, { recursive: true });
  return withLock('images', async () => {
    await bud(image, ['--timestamp', String(created)]);
    rmSync(archive, { force: true }); // an archive that exists is not written to
    await buildah('push', '--digestfile', digest, image.tag, `oci-archive:${archive}:${image.tag}`);
    await buildah('rmi', '--force', image.tag);
    const written = readFileSync(digest, 'utf8').trim();
    rmSync(digest);
    return written;
  });
}

/** The tags in buildah's storage of one repository. */
async function tagsOf(repository: string): Promise<string[]> {
  const names = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n');
  return names.filter((name) => name.startsWith(`${repository}:`));
}

/**
 * Has an image in buildah's storage for other images to build on, made by `prepare` and its Containerfile
 * unless it is there. Its tag names its contents; older tags of the same repository are removed.
 */
export async function ensureBaseImage(image: ImageBuild, prepare: () => Promise<void>): Promise<void> {
  const repository = image.tag.slice(0, image.tag.lastIndexOf(':'));
  mkdirSync(archives, { recursive: true });
  await withLock('images', async () => {
    const tags = await tagsOf(repository);
    if (tags.includes(image.tag)) return;
    await step(`building base image ${image.tag}`, async () => {
      await prepare();
      await bud(image);
      for (const older of tags) await buildah('rmi', '--force', older);
    });
  });
}
