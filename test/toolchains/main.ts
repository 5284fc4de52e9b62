/**
 * `make toolchains`: a clean copy of the work tree, installed and used with each npm and Node that users have.
 *
 * Node 18 cannot run the sources, nor can Node 20; npm 9 and 10 do not put the packaged Node into node_modules/.bin.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

interface Toolchain {
  readonly npm: string;
  /** The only Node in PATH; undefined: the one that runs this. */
  readonly node: string | undefined;
}

/** What Debian 12 brings, what Node 20 brings, and what Node 24 brings. */
const TOOLCHAINS: readonly Toolchain[] = [
  { npm: '9.2.0', node: '18.20.4' },
  { npm: '10.8.2', node: '20.20.2' },
  { npm: '11', node: undefined },
];

const root = join(import.meta.dirname, '../..');
const place = mkdtempSync(join(tmpdir(), 'order-cache-toolchains-'));

/** The environment without what an outer make or npm put into it. */
const clean = Object.entries(process.env).filter(([name]) => !/^(npm_|MAKE|MFLAGS|NODE_)/.test(name));

/** First in PATH, so that no other Node or npm is found. */
function environment(folders: readonly string[]): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(clean), PATH: [...folders, process.env.PATH].join(':') };
}

/** The folder of a package's programs, installed for this run only. */
function install(name: string, version: string): string {
  const prefix = join(place, `${name}-${version}`);
  const options = ['install', '--silent', '--no-save', '--prefer-offline', '--prefix', prefix];
  execFileSync('npm', [...options, `${name}@${version}`], {
    cwd: place,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(prefix, 'node_modules', '.bin');
}

function copySources(directory: string): void {
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', listing, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\0');
  for (const file of new Set(files)) {
    if (file === '' || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    cpSync(join(root, file), join(directory, file));
  }
}

/** What a user types first, from a clean clone; `make` installs the packages. */
const STEPS: readonly (readonly string[])[] = [
  ['make', '--silent', 'lint'],
  ['make', '--silent', 'bundle'],
  ['npm', 'run', '--silent', 'bundle'],
  ['npm', 'run', '--silent', 'build'],
];

/** Whether all steps pass; the output of the first that does not. */
function tryOut({ npm, node }: Toolchain): boolean {
  const began = performance.now();
  const directory = join(place, `with-npm-${npm}`);
  copySources(directory);
  const nodes =
    node === undefined
      ? dirname(process.execPath)
      : install(`node-${process.platform}-${process.arch}`, node);
  const env = environment([nodes, install('npm', npm)]);
  const options = { cwd: directory, env, encoding: 'utf8' } as const;
  const say = (command: string, ...args: string[]) => execFileSync(command, args, options).trim();
  const title = `npm ${say('npm', '--version')}, Node ${say('node', '--version')} in PATH`;
  for (const [command = '', ...args] of STEPS) {
    const { status, stdout, stderr } = spawnSync(command, args, { ...options, timeout: 300_000 });
    if (status === 0) continue;
    console.log(`✖ ${title}: ${command} ${args.join(' ')}: exit ${status}\n${stdout}${stderr}`);
    return false;
  }
  const { stdout } = spawnSync('sh', ['build/node.sh', 'test/servers/servers.ts', 'status'], options);
  const servers = /^redis \w+$/m.test(stdout);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const ran = say('sh', 'build/node.sh', '--version');
  console.log(`${servers ? '✔' : '✖ no status of the servers:'} ${title}: ${ran} ran it, ${seconds} s`);
  rmSync(directory, { recursive: true, force: true });
  return servers;
}

try {
  process.exitCode = TOOLCHAINS.map(tryOut).every(Boolean) ? 0 : 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}
