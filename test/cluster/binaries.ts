import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { go } from './go.ts';
import { cacheDir, kubernetesVersion } from './layout.ts';
import { say, step } from './progress.ts';

/**
 * The cluster's programs, built from the Go modules that tools/<module>/go.mod pins.
 * A directory of the cache is named after the module's files, so another version never meets an old program.
 */
interface Program {
  readonly module: 'kubernetes' | 'coredns' | 'helm' | 'actionlint';
  readonly package: string;
  /** What the first build takes on two cores, in seconds, in the order of `clusterPrograms`: later ones reuse packages. */
  readonly firstTime: number;
}

const kubernetes = (name: string, firstTime: number): Program => ({
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  firstTime,
});

const programs = {
  etcd: { module: 'kubernetes', package: 'go.etcd.io/etcd/server/v3', firstTime: 60 },
  'kube-apiserver': kubernetes('kube-apiserver', 300),
  'kube-controller-manager': kubernetes('kube-controller-manager', 60),
  'kube-scheduler': kubernetes('kube-scheduler', 20),
  kubelet: kubernetes('kubelet', 120),
  'kube-proxy': kubernetes('kube-proxy', 20),
  kubectl: kubernetes('kubectl', 30),
  coredns: { module: 'coredns', package: '.', firstTime: 60 },
  helm: { module: 'helm', package: 'helm.sh/helm/v3/cmd/helm', firstTime: 120 },
  actionlint: {
    module: 'actionlint',
    package: 'github.com/rhysd/actionlint/cmd/actionlint',
    firstTime: 20,
  },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof programs;

const clusterPrograms: readonly ProgramName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'coredns',
];

const source = (module: string): string => join(import.meta.dirname, 'tools', module);

function fingerprint(module: string): string {
  const hash = createHash('sha256').update(linkerFlags);
  for (const file of readdirSync(source(module)).sort())
    hash.update(readFileSync(join(source(module), file)));
  return hash.digest('hex').slice(0, 16);
}

const versionVariables = (major: string, minor: string): string =>
  Object.entries({ gitVersion: kubernetesVersion, gitMajor: major, gitMinor: minor })
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
const linkerFlags = `-s -w ${versionVariables('1', '35')}`;

/** Where the program is once it is built. */
export const binary = (name: ProgramName): string =>
  join(cacheDir, 'bin', `${programs[name].module}-${fingerprint(programs[name].module)}`, name);

/** One `go build` for all programs of a module: it compiles with every core while it links. */
async function build(names: readonly ProgramName[], unfinished: string): Promise<void> {
  const [first] = names;
  if (first === undefined) return;
  const packages = names.map((name) => programs[name].package);
  const { module } = programs[first];
  const flags = ['-buildvcs=false', '-trimpath', '-ldflags', linkerFlags, '-o', `${unfinished}/`];
  await go(['build', ...flags, ...packages], source(module));
  for (const name of names) renameSync(join(unfinished, outputOf(name)), binary(name));
}

/** `go build` names a program after the last part of its package that is no version. */
function outputOf(name: ProgramName): string {
  const { module, package: path } = programs[name];
  if (path === '.') return module;
  const parts = path.split('/').filter((part) => !/^v\d+$/.test(part));
  return parts.at(-1) ?? name;
}

/** Builds those of the programs that are missing, module by module. */
export async function ensureBinaries(names: readonly ProgramName[] = clusterPrograms): Promise<void> {
  const missing = names.filter((name) => !existsSync(binary(name)));
  for (const module of new Set(missing.map((name) => programs[name].module))) {
    const together = missing.filter((name) => programs[name].module === module);
    const [first = 'kubectl'] = together;
    const unfinished = `${join(binary(first), '..')}.${process.pid}`;
    mkdirSync(unfinished, { recursive: true });
    mkdirSync(join(binary(first), '..'), { recursive: true });
    const about = together.reduce((sum, name) => sum + programs[name].firstTime, 0);
    const text = `building ${together.length} programs of ${module}`;
    say(`${together.join(', ')}: about ${Math.ceil(about / 60)} min the first time`);
    try {
      await step(text, () => build(together, unfinished), howFar(together, unfinished, about));
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
}

/** For example `3/7, about 4 min left`. */
function howFar(names: readonly ProgramName[], unfinished: string, about: number): () => string {
  const begun = performance.now();
  return () => {
    const built = names.filter((name) => existsSync(join(unfinished, outputOf(name)))).length;
    const left = about - (performance.now() - begun) / 1000;
    const rest = left > 0 ? `about ${Math.ceil(left / 60)} min left` : 'longer than expected';
    return `${built}/${names.length}, ${rest},`;
  };
}

/** The path of Helm, which only the chart's tests need; built at the first call. */
export async function ensureHelm(): Promise<string> {
  await ensureBinaries(['helm']);
  return binary('helm');
}

/** The path of actionlint, which checks .github/workflows; built at the first call. */
export async function ensureActionlint(): Promise<string> {
  await ensureBinaries(['actionlint']);
  return binary('actionlint');
}
