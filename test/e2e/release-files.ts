import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What tests read out of the files of a release. */

/** The names in a tar archive, gzipped or not, directories left out. */
export function entries(archive: string): string[] {
  const listed = execFileSync('tar', ['--list', '--file', archive], { encoding: 'utf8' });
  return listed.split('\n').filter((name) => name !== '' && !name.endsWith('/'));
}

export function entry(archive: string | Buffer, name: string): Buffer {
  const file = typeof archive === 'string' ? archive : '-';
  const input = typeof archive === 'string' ? '' : archive;
  return execFileSync('tar', ['--extract', '--to-stdout', '--file', file, name], {
    input,
    maxBuffer: 256 << 20,
  });
}

export const sha256 = (contents: Buffer): string => createHash('sha256').update(contents).digest('hex');

interface Descriptor {
  readonly digest: string;
}
interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}
interface Config {
  readonly config: { readonly User?: string; readonly Labels?: Readonly<Record<string, string>> };
}

/** The one image of an OCI archive. Throws when a blob is not what its digest says. */
export class OciArchive {
  readonly #file: string;
  readonly digest: string;
  readonly #manifest: Manifest;

  constructor(file: string) {
    this.#file = file;
    const { manifests }: { manifests: readonly Descriptor[] } = JSON.parse(
      entry(file, 'index.json').toString(),
    );
    const [only, ...others] = manifests;
    if (only === undefined || others.length > 0)
      throw new Error(`${file}: expected one manifest, got ${manifests.length}`);
    this.digest = only.digest;
    this.#manifest = JSON.parse(this.#blob(only).toString());
  }

  config(): Config['config'] {
    const { config }: Config = JSON.parse(this.#blob(this.#manifest.config).toString());
    return config;
  }

  /** The layer that the Containerfile adds to its base, as a tar archive. */
  lastLayer(): Buffer {
    const last = this.#manifest.layers.at(-1);
    if (last === undefined) throw new Error(`${this.#file}: expected layers, got none`);
    return gunzipSync(this.#blob(last));
  }

  #blob({ digest }: Descriptor): Buffer {
    const [, hash = ''] = digest.split(':');
    const contents = entry(this.#file, `blobs/sha256/${hash}`);
    if (sha256(contents) !== hash)
      throw new Error(`${this.#file}: ${digest} has the digest ${sha256(contents)}`);
    return contents;
  }
}

/** Objects without what only Helm adds, by kind and name. */
export function withoutHelm(objects: readonly Record<string, unknown>[]): Map<string, unknown> {
  const HELM = /^(helm\.sh\/.*|app\.kubernetes\.io\/managed-by|meta\.helm\.sh\/.*)$/;
  const EMPTY = ['annotations', 'labels'];
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== 'object' || value === null) return value;
    const kept = Object.entries(value)
      .filter(([key]) => !HELM.test(key))
      .map(([key, inner]): [string, unknown] => [key, strip(inner)])
      .filter(([key, inner]) => !EMPTY.includes(key) || Object.keys(inner as object).length > 0);
    return Object.fromEntries(kept);
  };
  const named = objects.map((object): [string, unknown] => {
    const { name = '', namespace = '' } = object.metadata as { name?: string; namespace?: string };
    return [`${object.kind} ${namespace}/${name}`, strip(object)];
  });
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const readText = (path: string): string => readFileSync(path, 'utf8');
