/** `make release`: dist/release, all files of a release, without publishing any. TAG, DIGEST and OWNER are optional. */
import { join } from 'node:path';
import { checksums } from './checksums.ts';
import { PLACEHOLDER_OWNER } from './places.ts';
import { makeRelease } from './release.ts';

const { TAG: tag, DIGEST: digest, OWNER: owner = PLACEHOLDER_OWNER } = process.env;
const directory = join(import.meta.dirname, '../../dist/release');

try {
  const image = await makeRelease({ directory, owner, tag: tag || undefined, digest: digest || undefined });
  console.log(`image ${image}\n${checksums(directory)}`);
  if (owner === PLACEHOLDER_OWNER) console.log(`dry run in dist/release for the owner "${owner}"`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
