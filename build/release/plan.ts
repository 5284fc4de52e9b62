/** Checks the tag and writes what .github/workflows/release.yml names, as `name=value` lines. Imports no package. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLACEHOLDER_OWNER, placesOf } from './places.ts';
import { checkNothingUnreleased, checkTag, releaseNotes } from './version.ts';

const root = join(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const { TAG: tag = '', OWNER: owner = PLACEHOLDER_OWNER } = process.env;

try {
  const { version }: { version: string } = JSON.parse(read('package.json'));
  checkTag(tag, version);
  const changelog = read('CHANGELOG.md');
  checkNothingUnreleased(changelog, version);
  releaseNotes(changelog, version);
  const { image, charts } = placesOf(owner);
  console.log(`version=${version}\nimage=${image}\ncharts=${charts}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
