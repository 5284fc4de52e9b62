import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** What a file imports when it runs: imports of types are gone, as they are for Node. */
export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Files of ours. */
  readonly files: readonly string[];
  /** Packages by name, builtins as `node:fs`. */
  readonly packages: readonly string[];
}

/** The files and all that they import of ours, read with esbuild's parser. */
export async function importGraph(root: string, entryPoints: readonly string[]): Promise<SourceFile[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...entryPoints],
    outdir: join(root, 'never-written'),
    outbase: root,
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return Object.entries(metafile.inputs).map(([path, { imports }]) => ({
    path,
    text: readFileSync(join(root, path), 'utf8'),
    files: imports.filter(({ external }) => !external).map((found) => found.path),
    packages: imports.filter(({ external }) => external).map((found) => packageName(found.path)),
  }));
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  const depth = specifier.startsWith('@') ? 2 : 1;
  return specifier.split('/').slice(0, depth).join('/');
}
