import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NAME, type Places } from './places.ts';

/** The bill of materials of the image, as CycloneDX 1.6: the npm packages whose code the bundles contain. */

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  /** May name an optional peer that `peerDependencies` leaves out. */
  readonly peerDependenciesMeta?: Readonly<Record<string, object>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

const purlOf = ({ name, version }: PackageJson): string => `pkg:npm/${name.replace('@', '%40')}@${version}`;

/** `sha512-<base64>` of package-lock.json as CycloneDX has hashes. */
function hashOf(integrity: string): object {
  const [algorithm = '', value = ''] = integrity.split(/-(.*)/);
  const alg = algorithm.toUpperCase().replace('SHA', 'SHA-');
  return { alg, content: Buffer.from(value, 'base64').toString('hex') };
}

/** Where Node finds a dependency: beside the package, or in a node_modules further up. */
function resolved(name: string, from: string, known: ReadonlyMap<string, PackageJson>): string | undefined {
  for (let at = from; at !== '.'; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (known.has(candidate)) return candidate;
  }
  return known.has(join('node_modules', name)) ? join('node_modules', name) : undefined;
}

export interface SbomSubject {
  readonly root: string;
  /** As `packageDirectories` gives them, from the root. */
  readonly directories: readonly string[];
  readonly version: string;
  readonly digest: string;
  readonly places: Places;
  /** Seconds since 1970. */
  readonly created: number;
}

export function imageSbom({ root, directories, version, digest, places, created }: SbomSubject): object {
  const { packages }: Lock = readJson(join(root, 'package-lock.json'));
  const known = new Map(
    directories.map((directory): [string, PackageJson] => [
      directory,
      readJson(join(root, directory, 'package.json')),
    ]),
  );
  const image = `pkg:oci/${NAME}@${encodeURIComponent(digest)}?repository_url=${places.image}`;
  const components = [...known].map(([directory, found]) => {
    const integrity = packages[directory]?.integrity;
    return {
      type: 'library',
      'bom-ref': directory,
      name: found.name,
      version: found.version,
      purl: purlOf(found),
      scope: 'required',
      ...(found.license === undefined ? {} : { licenses: [{ expression: found.license }] }),
      ...(integrity === undefined ? {} : { hashes: [hashOf(integrity)] }),
    };
  });
  const dependencies = [...known].map(([directory, found]) => ({
    ref: directory,
    dependsOn: Object.keys({
      ...found.dependencies,
      ...found.optionalDependencies,
      ...found.peerDependencies,
      ...found.peerDependenciesMeta,
    })
      .map((name) => resolved(name, directory, known))
      .filter((found) => found !== undefined),
  }));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(created * 1000).toISOString(),
      component: {
        type: 'container',
        'bom-ref': image,
        name: NAME,
        version,
        purl: image,
        licenses: [{ expression: 'Apache-2.0' }],
      },
    },
    components,
    dependencies: [{ ref: image, dependsOn: directDependencies(root, known) }, ...dependencies],
    // The base image and Node are not in this list.
    compositions: [{ aggregate: 'incomplete', assemblies: [image] }],
  };
}

/** What package.json of the repository names; the rest came with these. */
function directDependencies(root: string, known: ReadonlyMap<string, PackageJson>): string[] {
  const { dependencies, devDependencies, peerDependencies } = readJson(join(root, 'package.json'));
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
    .map((name) => join('node_modules', name))
    .filter((directory) => known.has(directory) && existsSync(join(root, directory)))
    .sort();
}
