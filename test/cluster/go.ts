import { chmodSync, copyFileSync, existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, run, searchEnvironment } from './command.ts';
import { installPackages } from './packages.ts';
import { step } from './progress.ts';

/**
 * Go 1.26, which the modules in tools/ ask for. An older Go, such as Debian's 1.19, downloads it as the module
 * golang.org/toolchain, as Go 1.21 and later do by themselves: from the module proxy that the user has set, checked
 * with the checksum database.
 */
const toolchain = '1.26.8';

const environment: NodeJS.ProcessEnv = { ...searchEnvironment, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };

/** The version that `go` of PATH has; undefined where there is none. */
async function goVersion(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const output = await run('go', ['env', 'GOVERSION'], { env }).catch(() => undefined);
  return output === undefined ? undefined : /^go(\d+\.\d+)/.exec(output)?.[1];
}

/** True from the minor version of the pinned toolchain on. */
export function isRecentGo(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = toolchain.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** Files of a module are not executable, and a module's own go.mod is named _go.mod: Go itself mends both, too. */
export function prepareToolchain(root: string): void {
  for (const file of globSync('{bin/*,pkg/tool/*/*}', { cwd: root })) chmodSync(join(root, file), 0o755);
  for (const directory of ['src', 'src/cmd']) {
    const [hidden, file] = [join(root, directory, '_go.mod'), join(root, directory, 'go.mod')];
    if (existsSync(hidden) && !existsSync(file)) {
      chmodSync(join(root, directory), 0o755);
      copyFileSync(hidden, file);
    }
  }
}

const platform = (): string => `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** Downloads Go into the module cache with an older one; returns its root. */
async function downloadGo(env: NodeJS.ProcessEnv): Promise<string> {
  const module = `golang.org/toolchain@v0.0.1-go${toolchain}.${platform()}`;
  const output = await run('go', ['mod', 'download', '-json', module], { env, deadlineMs: 600_000 });
  const { Dir } = JSON.parse(output) as { Dir: string };
  prepareToolchain(Dir);
  return Dir;
}

/**
 * The environment in which `go` is recent enough: the one of PATH, or one that it downloads.
 * Without any Go, root's Debian gets its own first.
 */
export async function goEnvironment(env: NodeJS.ProcessEnv = environment): Promise<NodeJS.ProcessEnv> {
  let version = await goVersion(env);
  if (version === undefined) {
    await installPackages(['golang-go']).catch(needsGo);
    version = (await goVersion(env)) ?? needsGo('go is not in PATH');
  }
  if (isRecentGo(version)) return env;
  const root = await step(`downloading Go ${toolchain} with Go ${version}`, () => downloadGo(env));
  return { ...env, GOROOT: root, PATH: `${join(root, 'bin')}:${env.PATH ?? ''}` };
}

function needsGo(reason: unknown): never {
  const why = reason instanceof Error ? reason.message : String(reason);
  throw new CommandFailed(`building needs Go, of any version, to fetch Go ${toolchain}: ${why}`);
}

let ready: Promise<NodeJS.ProcessEnv> | undefined;

/** Runs `go` at low priority, so that tests which run meanwhile are not held up; fetches it first where the machine has none that is recent enough. */
export async function go(
  args: readonly string[],
  cwd: string,
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  ready ??= goEnvironment();
  const options = { cwd, env: { ...(await ready), ...more }, deadlineMs: 40 * 60_000 };
  return run('nice', ['-n', '10', 'go', ...args], options);
}
