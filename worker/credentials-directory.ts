import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionName } from '../api/worker-config.ts';
import type { SecretFiles } from './credentials.ts';

/** Kubernetes replaces the files by a symbolic link; asking for them is more reliable than being told. */
const POLL_INTERVAL = 2_000;

/** The mounted Secrets: a directory for each connection, with a file for each key. */
export class CredentialsDirectory<Name extends string = ConnectionName> {
  readonly #path: string;
  readonly #files = new Map<Name, SecretFiles>();
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, names: readonly Name[]) {
    this.#path = path;
    for (const name of names) this.#files.set(name, this.#read(name));
  }

  /** As read last; empty when the directory is missing. */
  files(name: Name): SecretFiles {
    return this.#files.get(name) ?? {};
  }

  /** Calls back after a rotation. */
  watch(onRotated: (name: Name) => void): void {
    this.#timer = setInterval(() => {
      for (const name of this.#files.keys()) if (this.#reload(name)) onRotated(name);
    }, POLL_INTERVAL);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #reload(name: Name): boolean {
    const files = this.#read(name);
    // In the middle of a replacement there may be nothing for a moment.
    if (Object.keys(files).length === 0 || JSON.stringify(files) === JSON.stringify(this.files(name)))
      return false;
    this.#files.set(name, files);
    return true;
  }

  #read(name: Name): SecretFiles {
    const directory = join(this.#path, name);
    try {
      const keys = readdirSync(directory).filter((key) => !key.startsWith('..'));
      return Object.fromEntries(
        keys.sort().map((key) => [key, readFileSync(join(directory, key), 'utf8').replace(/\r?\n$/, '')]),
      );
    } catch {
      return {};
    }
  }
}
