/** `npm run bundle`: dist/image, what the image consists of beside Node: one file for each command, and the licences. */
import { chmod, copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { thirdPartyLicences } from './licences.ts';

const root = join(import.meta.dirname, '..');

const COMMANDS = {
  operator: 'operator/main.ts',
  worker: 'worker/main.ts',
  maintenance: 'maintenance/main.ts',
} as const;

/** Packages that came as CommonJS call `require`, which a module does not have. */
const REQUIRE = `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`;

/** Bundles one command; the result tells what went into it. */
async function bundleCommand(entry: string, outfile: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Whitespace and syntax, but not names: they are in stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: true,
    legalComments: 'none',
    banner: { js: REQUIRE },
    // Loaded by pg on demand, only where its native variant is asked for.
    external: ['pg-native'],
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/** Writes the directory anew. The same sources give the same bytes. Returns the files that went into the bundles. */
export async function bundle(directory: string = join(root, 'dist/image')): Promise<ReadonlySet<string>> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const inputs = new Set<string>();
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const metafile = await bundleCommand(entry, join(directory, `${name}.js`));
    for (const input of Object.keys(metafile.inputs)) inputs.add(input);
  }
  await writeFile(join(directory, 'package.json'), '{"type":"module"}\n');
  await writeFile(join(directory, 'THIRD-PARTY-LICENSES'), thirdPartyLicences(root, inputs));
  await copyFile(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  // Whatever the umask is: the image runs with a user id that the platform chooses.
  await chmod(directory, 0o755);
  for (const name of await readdir(directory)) await chmod(join(directory, name), 0o644);
  return inputs;
}

if (import.meta.main) await bundle();
