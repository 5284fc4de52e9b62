import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Mutant, patched } from './mutant.ts';

/** A copy of the work tree that may be broken. */
export interface Tree {
  readonly directory: string;
  /** Runs something while the patches of a mutant are in place. */
  whileMutated<T>(mutant: Mutant, run: () => Promise<T>): Promise<T>;
  remove(): void;
}

/** Copies what git knows or would add, as it is on disk; the installed packages are shared. */
export function copyTree(root: string): Tree {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-mutants-'));
  for (const file of sourceFiles(root)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    cpSync(join(root, file), join(directory, file));
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return {
    directory,
    whileMutated: (mutant, run) => whileMutated(directory, mutant, run),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function sourceFiles(root: string): string[] {
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', listing, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\0');
  return [...new Set(files)].filter((file) => file !== '' && existsSync(join(root, file)));
}

async function whileMutated<T>(directory: string, { patches }: Mutant, run: () => Promise<T>): Promise<T> {
  const files = [...new Set(patches.map(({ file }) => join(directory, file)))];
  const originals = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
  try {
    for (const patch of patches) {
      const path = join(directory, patch.file);
      writeFileSync(path, patched(readFileSync(path, 'utf8'), patch));
    }
    return await run();
  } finally {
    for (const [file, text] of originals) writeFileSync(file, text);
  }
}
