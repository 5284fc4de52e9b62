import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { parseAllDocuments } from 'yaml';
import { fileNames, placesOf } from '../../build/release/places.ts';
import { makeRelease } from '../../build/release/release.ts';
import { ensureHelm } from '../cluster/index.ts';
import { entries, entry, OciArchive, readText, withoutHelm } from './release-files.ts';

/** A dry run of the release, twice. In this suite because files of it run one at a time: npm pack writes dist/. */

const root = join(import.meta.dirname, '../..');
const { version, exports, files } = JSON.parse(readText(join(root, 'package.json')));
const OWNER = 'Example-Org';
const IMAGE = placesOf(OWNER).image;
const names = { ...fileNames(version), npm: `npm-order-cache-operator-${version}.tgz` };

let directory = '';
let digest = '';
const file = (name: string): string => join(directory, 'first', name);

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'order-cache-release-test-'));
  digest = await makeRelease({ directory: join(directory, 'first'), owner: OWNER });
});
after(() => rmSync(directory, { recursive: true }));

/** Every string in a value. */
function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

describe('the files of a release', () => {
  it('have checksums that sha256sum finds right, each of them', () => {
    const said = execFileSync('sha256sum', ['--check', '--strict', names.checksums], {
      cwd: join(directory, 'first'),
      encoding: 'utf8',
    });
    const checked = said.split('\n').filter((line) => line.endsWith(': OK'));
    const expected = readdirSync(join(directory, 'first')).filter((name) => name !== names.checksums);
    assert.deepEqual(
      checked,
      expected.sort().map((name) => `${name}: OK`),
    );
    const { checksums: _, ...others } = names;
    assert.deepEqual(expected, Object.values(others).sort());
  });

  it('are the same bytes when they are made again', async () => {
    await makeRelease({ directory: join(directory, 'second'), owner: OWNER });
    assert.equal(readText(join(directory, 'second', names.checksums)), readText(file(names.checksums)));
  });

  it('name the image by the digest of its manifest', () => {
    assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    assert.equal(new OciArchive(file(names.image)).digest, digest);
    const objects = parseAllDocuments(readText(file(names.install))).map((document) => document.toJS());
    const images = objects.flatMap(strings).filter((text) => text.startsWith(IMAGE));
    assert.deepEqual([...new Set(images)], [`${IMAGE}@${digest}`]);
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    const [container] = deployment.spec.template.spec.containers;
    assert.equal(container.image, `${IMAGE}@${digest}`);
  });

  it('hold the notes of the version', () => {
    assert.ok(
      readText(join(root, 'CHANGELOG.md')).includes(`## ${version}\n\n${readText(file(names.notes))}`),
    );
  });
});

describe('the image of a release', () => {
  it('is labelled with version and commit, and its default user is a number', () => {
    const { Labels = {}, User } = new OciArchive(file(names.image)).config();
    const revision = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
    assert.equal(Labels['org.opencontainers.image.version'], version);
    assert.equal(Labels['org.opencontainers.image.revision'], revision);
    assert.match(User ?? '', /^\d+:\d+$/);
  });

  it('holds files that any user can read and nobody but root can write', () => {
    const layer = new OciArchive(file(names.image)).lastLayer();
    const listed = execFileSync('tar', ['--list', '--verbose', '--file', '-'], {
      input: layer,
      encoding: 'utf8',
    });
    const app = listed.split('\n').filter((line) => / app\//.test(line));
    assert.ok(
      app.some((line) => line.endsWith(' app/operator.js')),
      listed,
    );
    assert.deepEqual(
      app.filter((line) => !/^(drwxr-xr-x|-rw-r--r--) 0\/0 /.test(line)),
      [],
    );
  });

  it('has a bill of materials that CycloneDX accepts', async () => {
    const found = await new JsonStrictValidator(Version.v1dot6).validate(readText(file(names.sbom)));
    assert.equal(found, null);
    const wrong = readText(file(names.sbom)).replace('"library"', '"book"');
    assert.notEqual(await new JsonStrictValidator(Version.v1dot6).validate(wrong), null);
  });

  it('has a bill of materials of the packages whose licences the image brings, with the hashes that npm checks', () => {
    const { components, dependencies } = JSON.parse(readText(file(names.sbom)));
    const licences = entry(
      new OciArchive(file(names.image)).lastLayer(),
      'app/THIRD-PARTY-LICENSES',
    ).toString();
    const brought = [...licences.matchAll(/^={80}\n(\S+) (\S+) \(/gm)].map(([, name, of]) => `${name}@${of}`);
    const listed = components.map((each: Record<string, string>) => `${each.name}@${each.version}`);
    assert.deepEqual(listed.sort(), brought.sort());
    assert.ok(components.every(({ hashes }: { hashes?: unknown[] }) => hashes?.length === 1));
    const known = new Set(components.map((each: Record<string, string>) => each['bom-ref']));
    const named = dependencies.flatMap(({ dependsOn }: { dependsOn: string[] }) => dependsOn);
    assert.deepEqual(
      named.filter((ref: string) => !known.has(ref)),
      [],
    );
    assert.deepEqual(
      [...known].filter((ref) => !named.includes(ref)),
      [],
      'everything has a reason to be there',
    );
  });
});

describe('the chart of a release', () => {
  it('passes helm lint', async () => {
    execFileSync(await ensureHelm(), ['lint', '--strict', file(names.chart)], { encoding: 'utf8' });
  });

  it('renders the objects of the install YAML, beside hooks, and leaves the namespace to Helm', async () => {
    const args = ['template', 'order-cache-operator', file(names.chart), '--namespace', 'order-cache-system'];
    const said = execFileSync(await ensureHelm(), [...args, '--no-hooks', '--kube-version', '1.35.0'], {
      encoding: 'utf8',
    });
    const rendered = parseAllDocuments(said).map((document) => document.toJS());
    const installed = parseAllDocuments(readText(file(names.install))).map((document) => document.toJS());
    assert.deepEqual(
      withoutHelm(rendered),
      withoutHelm(installed.filter(({ kind }) => kind !== 'Namespace')),
    );
  });
});

describe('the npm package of a release', () => {
  it('has each file that its exports name, and the licence', () => {
    const packed = entries(file(names.npm));
    const wanted = ['package.json', 'LICENSE', ...strings(exports)].map((name) => join('package', name));
    assert.deepEqual(
      wanted.filter((name) => !packed.includes(name)),
      [],
    );
  });

  it('has nothing that package.json does not list', () => {
    const allowed = [...files, 'package.json', 'LICENSE', 'README.md'].map(
      (name: string) => `package/${name}`,
    );
    const others = entries(file(names.npm)).filter(
      (name) => !allowed.some((prefix) => name === prefix || name.startsWith(`${prefix}/`)),
    );
    assert.deepEqual(others, []);
  });

  it('has the version', () => {
    assert.equal(JSON.parse(entry(file(names.npm), 'package/package.json').toString()).version, version);
  });
});
