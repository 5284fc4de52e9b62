/**
 * `npm run build`: dist/esm and dist/cjs, what `npm pack` takes. Each entry point is one file, with the libraries that
 * its users need not install; beside it lie the declarations that it refers to, and no others.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { thirdPartyLicences } from './licences.ts';

const root = join(import.meta.dirname, '..');

/** By the name under which users import it. */
export const ENTRY_POINTS = {
  reader: 'cache/reader.ts',
  publisher: 'publisher/index.ts',
  cdk8s: 'cdk8s/index.ts',
} as const;

/** What users install themselves (peerDependencies, docs/adr/0009). */
const PEERS = ['ioredis', 'amqplib', 'cdk8s', 'constructs'];

const FORMATS = { esm: 'module', cjs: 'commonjs' } as const;

/** The files of dist/esm and dist/cjs by their path in dist. The same sources give the same bytes. */
export async function packageFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const inputs = new Set<string>();
  const types = declarations();
  for (const [format, type] of Object.entries(FORMATS)) {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: ENTRY_POINTS,
      outdir: format,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      target: 'node20',
      format: format === 'esm' ? 'esm' : 'cjs',
      external: PEERS,
      logLevel: 'warning',
    });
    for (const { path, text } of outputFiles) files.set(path.slice(root.length + 1), text);
    for (const input of Object.keys(metafile.inputs)) inputs.add(input);
    for (const [path, text] of types) files.set(`${format}/${path}`, text);
    files.set(`${format}/package.json`, `{"type":"${type}"}\n`);
  }
  const licences = thirdPartyLicences(root, inputs);
  for (const format of Object.keys(FORMATS)) files.set(`${format}/THIRD-PARTY-LICENSES`, licences);
  return files;
}

/** The declarations that the entry points reach, by path from the root; they import each other as `.js`. */
function declarations(): Map<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-types-'));
  try {
    const tsc = [join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', directory];
    execFileSync(process.execPath, [...tsc, '--emitDeclarationOnly'], { cwd: root, stdio: 'inherit' });
    const found = new Map<string, string>();
    for (const entry of Object.values(ENTRY_POINTS)) collect(directory, entry.replace('.ts', '.d.ts'), found);
    return found;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const RELATIVE = /((?:from|import\()\s*')(\.[^']*)\.ts'/g;

function collect(directory: string, path: string, found: Map<string, string>): void {
  if (found.has(path)) return;
  const text = readFileSync(join(directory, path), 'utf8');
  found.set(path, text.replaceAll(RELATIVE, "$1$2.js'"));
  for (const [, , target = ''] of text.matchAll(RELATIVE))
    collect(directory, `${join(dirname(path), target)}.d.ts`, found);
}

/** Writes what differs and removes what is left over, so that two builds at the same time do not disturb each other. */
function write(files: ReadonlyMap<string, string>): void {
  const dist = join(root, 'dist');
  for (const [path, text] of files) {
    const file = join(dist, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  }
  const isOurs = (path: string) => files.has(path) || /\.\d+$/.test(path);
  for (const found of globSync('{esm,cjs}/**/*', { cwd: dist, withFileTypes: true })) {
    const path = join(found.parentPath, found.name).slice(dist.length + 1);
    if (found.isFile() && !isOurs(path)) rmSync(join(dist, path), { force: true });
  }
}

if (import.meta.main) write(await packageFiles());
