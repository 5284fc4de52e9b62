import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installManifests, manifestsYaml, packageVersion } from '../../cdk8s/manifests.ts';
import { run } from '../../test/cluster/command.ts';
import { bundle } from '../bundle.ts';
import { packageDirectories } from '../licences.ts';
import { packageChart } from './chart.ts';
import { checksums } from './checksums.ts';
import { buildReleaseImage } from './image.ts';
import { packPackages } from './packages.ts';
import { fileNames, NAME, placesOf } from './places.ts';
import { imageSbom } from './sbom.ts';
import { checkNothingUnreleased, checkTag, releaseNotes } from './version.ts';

/** The files of a release. Nothing is published: .github/workflows/release.yml does that with what this makes. */

const root = join(import.meta.dirname, '../..');

export interface ReleaseOptions {
  /** Written anew. */
  readonly directory: string;
  /** The account on the registry. */
  readonly owner: string;
  /** Of a release; without it, this is a dry run and the changelog may have unreleased changes. */
  readonly tag?: string | undefined;
  /** Of the image that the registry has; without it, an image is built into the directory. */
  readonly digest?: string | undefined;
}

const git = (...args: string[]): Promise<string | undefined> =>
  run('git', args, { cwd: root }).then(
    (said) => said.trim(),
    () => undefined,
  );

/** Seconds since 1970 of what is released: SOURCE_DATE_EPOCH, else of the commit. The same commit gives the same files. */
async function created(): Promise<number> {
  return Number(process.env.SOURCE_DATE_EPOCH ?? (await git('log', '-1', '--format=%ct')) ?? 0);
}

function installYaml(version: string, image: { repository: string; digest: string }): string {
  const manifests = manifestsYaml(installManifests({ image: { ...image, tag: '' } }));
  return `# ${NAME} ${version}: kubectl apply --server-side -f <this file>\n${manifests}`;
}

/** Writes the directory; returns the digest of the image. Throws before anything is built when tag or changelog do not fit. */
export async function makeRelease({ directory, owner, tag, digest }: ReleaseOptions): Promise<string> {
  const version = packageVersion();
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  const notes = releaseNotes(changelog, version);
  if (tag !== undefined) {
    checkTag(tag, version);
    checkNothingUnreleased(changelog, version);
  }
  const places = placesOf(owner);
  const names = fileNames(version);
  const when = await created();
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const stage = mkdtempSync(join(tmpdir(), 'order-cache-release-'));
  try {
    const inputs = await bundle(join(stage, 'dist/image'));
    const image = {
      containerfile: join(root, 'Containerfile'),
      context: stage,
      reference: `${places.image}:${version}`,
      version,
      revision: (await git('rev-parse', 'HEAD')) ?? 'unknown',
      created: when,
    };
    const pinned = {
      repository: places.image,
      digest: digest ?? (await buildReleaseImage(image, directory)),
    };
    const put = (name: string, content: string | Buffer) => writeFileSync(join(directory, name), content);
    put(names.chart, await packageChart(root, stage, pinned, when));
    put(names.install, installYaml(version, pinned));
    const directories = packageDirectories(inputs);
    const sbom = imageSbom({ root, directories, version, digest: pinned.digest, places, created: when });
    put(names.sbom, `${JSON.stringify(sbom, null, 2)}\n`);
    await packPackages(root, stage, directory);
    put(names.notes, notes);
    put(names.checksums, checksums(directory));
    return pinned.digest;
  } finally {
    rmSync(stage, { recursive: true });
  }
}
