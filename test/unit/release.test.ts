import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { fileNames, NAME, placesOf } from '../../build/release/places.ts';
import { checkNothingUnreleased, checkTag, releaseNotes } from '../../build/release/version.ts';
import { fences } from '../fixtures/docs-pages.ts';

/** What a release is refused for, and that its version stands in one place. test/e2e/release.test.ts makes one. */

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { version }: { version: string } = JSON.parse(read('package.json'));

const all = (text: string, pattern: RegExp): (string | undefined)[] =>
  [...text.matchAll(pattern)].map(([, found]) => found);

describe('the version of package.json', () => {
  const found: Readonly<Record<string, () => (string | undefined)[]>> = {
    'package-lock.json': () => [JSON.parse(read('package-lock.json')).packages[''].version],
    'the chart': () => {
      const chart = parse(read('charts/order-cache-operator/Chart.yaml'));
      return [chart.version, chart.appVersion];
    },
    'the labels of the install manifests': () =>
      all(read('install/order-cache-operator.yaml'), /app\.kubernetes\.io\/version: "?([^"\s]+)/g),
    'the image of the install manifests': () =>
      all(read('install/order-cache-operator.yaml'), /image: \S+:(\S+)$/gm),
    'the commands of docs/release.md': () =>
      fences(read('docs/release.md')).flatMap(({ content }) => all(content, /(\d+\.\d+\.\d+)/g)),
    'the tags that the examples name': () =>
      globSync('docs/examples/*.yaml', { cwd: root }).flatMap((file) =>
        all(read(file), /\bv(\d+\.\d+\.\d+)\b/g),
      ),
  };
  for (const [what, versions] of Object.entries(found))
    it(`is that of ${what}`, () => {
      assert.deepEqual([...new Set(versions())], [version]);
    });

  it('is not repeated in the Containerfile', () => {
    assert.ok(!read('Containerfile').includes(version));
  });
});

/** With the environment of the workflow. */
function start(program: string, environment: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', program], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...environment },
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

describe('a release', () => {
  for (const program of ['build/release/main.ts', 'build/release/plan.ts'])
    it(`is refused by ${program} when its tag is not the version`, () => {
      const { status, stdout, stderr } = start(program, { TAG: 'v9.9.9' });
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.equal(stderr, `TAG: expected v${version}, the version in package.json, got "v9.9.9"\n`);
    });

  it('takes the tag of the version', () => {
    checkTag('v1.2.3', '1.2.3');
    assert.throws(() => checkTag('1.2.3', '1.2.3'), /expected v1\.2\.3/);
  });

  it('has the notes of its version', () => {
    const changelog = '# Changelog\n\n## Unreleased\n\n## 1.1.0\n\nB\n\n## 1.0.0\n\nA\n';
    assert.equal(releaseNotes(changelog, '1.1.0'), 'B\n');
    assert.equal(releaseNotes(changelog, '1.0.0'), 'A\n');
    assert.throws(() => releaseNotes(changelog, '1.0'), /expected text below "## 1\.0", got none/);
  });

  it('is refused while changes are listed as unreleased', () => {
    checkNothingUnreleased('## Unreleased\n\n## 1.0.0\n\nA\n', '1.0.0');
    checkNothingUnreleased('## 1.0.0\n\nA\n', '1.0.0');
    assert.throws(
      () => checkNothingUnreleased('## Unreleased\n\n- B\n- C\n\n## 1.0.0\n', '1.0.0'),
      /expected nothing below "## Unreleased" when 1\.0\.0 is tagged, got 2 lines/,
    );
  });

  it('goes to names that a registry takes, the chart beside the image', () => {
    assert.deepEqual(placesOf('Some-Org'), {
      image: 'ghcr.io/some-org/order-cache-operator',
      charts: 'oci://ghcr.io/some-org/charts',
    });
  });
});

describe('docs/release.md', () => {
  const page = read('docs/release.md');
  const { image, charts } = placesOf('<owner>');

  it('names what a release is published as', () => {
    const commands = fences(page)
      .map(({ content }) => content)
      .join('');
    const references = all(commands, /((?:oci:\/\/)?ghcr\.io\/[^\s]+)/g);
    const chart = `${charts}/${NAME}`;
    assert.deepEqual([...new Set(references)], [chart, `oci://${image}:${version}`, `${image}:${version}`]);
    for (const place of [image, charts]) assert.ok(page.includes(`| \`${place}\` |`), place);
  });

  it('names the files of a release', () => {
    const { install, sbom, notes, checksums } = fileNames(version);
    for (const name of [install, sbom, notes, checksums]) assert.ok(page.includes(`| \`${name}\` |`), name);
    assert.deepEqual(all(page, /\/releases\/download\/(\S+)/g), [`v${version}/${install}`]);
    assert.match(page, new RegExp(`^sha256sum --check --ignore-missing ${checksums}$`, 'm'));
  });

  it('says that nothing is published yet', () => {
    assert.match(page, /^Nothing is published yet/m);
  });
});
