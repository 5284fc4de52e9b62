import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { go } from './go.ts';
import { cacheDir, kubernetesVersion } from './layout.ts';
import { step } from './progress.ts';

/**
 * The cluster's programs, built from the Go modules that tools/<module>/go.mod pins.
 * A directory of the cache is named after the module's files, so another version never meets an old program.
 */
interface Program {
  readonly module: 'kubernetes' | 'coredns' | 'helm' | 'actionlint';
  readonly package: string;
  /** What the first build takes on two cores, in the order of `clusterPrograms`: later ones reuse packages. */
  readonly firstTime: string;
}

const kubernetes = (name: string, firstTime: string): Program => ({
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  firstTime,
});

const programs = {
  etcd: { module: 'kubernetes', package: 'go.etcd.io/etcd/server/v3', firstTime: '1 minute' },
  'kube-apiserver': kubernetes('kube-apiserver', '5 minutes'),
  'kube-controller-manager': kubernetes('kube-controller-manager', '1 minute'),
  'kube-scheduler': kubernetes('kube-scheduler', '20 s'),
  kubelet: kubernetes('kubelet', '2 minutes'),
  'kube-proxy': kubernetes('kube-proxy', '20 s'),
  kubectl: kubernetes('kubectl', '30 s'),
  coredns: { module: 'coredns', package: '.', firstTime: '1 minute' },
  helm: { module: 'helm', package: 'helm.sh/helm/v3/cmd/helm', firstTime: '2 minutes' },
  actionlint: {
    module: 'actionlint',
    package: 'github.com/rhysd/actionlint/cmd/actionlint',
    firstTime: '20 s',
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

async function build(name: ProgramName): Promise<void> {
  const target = binary(name);
  const unfinished = `${target}.${process.pid}`;
  mkdirSync(join(target, '..'), { recursive: true });
  const args = [
    'build',
    '-buildvcs=false',
    '-trimpath',
    '-ldflags',
    linkerFlags,
    '-o',
    unfinished,
    programs[name].package,
  ];
  await go(args, source(programs[name].module));
  renameSync(unfinished, target);
}

/** Builds those of the programs that are missing, one after another: `go build` itself uses all cores. */
export async function ensureBinaries(names: readonly ProgramName[] = clusterPrograms): Promise<void> {
  const missing = names.filter((name) => !existsSync(binary(name)));
  for (const [index, name] of missing.entries()) {
    const about = `building ${name} (${index + 1}/${missing.length}), about ${programs[name].firstTime} the first time`;
    await step(about, () => build(name));
  }
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
