import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownName } from './layout.ts';

/** The cgroup above all pods, in every hierarchy that the kubelet uses (one in v2, one per controller in v1). */
const mount = '/sys/fs/cgroup';
const unified = (): boolean => existsSync(join(mount, 'cgroup.controllers'));

const mounted = (type: 'cgroup' | 'cgroup2'): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` - ${type} `))
    .map((line) => line.split(' ')[4] ?? '');

const hierarchies = (): string[] => (unified() ? [mount] : mounted('cgroup'));

/** With v1 there may be a v2 beside it without controllers, in which the runtime makes its cgroups too. */
const allHierarchies = (): string[] => [...mounted('cgroup'), ...mounted('cgroup2')];

/** A new cpuset of v1 is empty, and no process may enter it. */
function inheritCpuset(parent: string, child: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    if (existsSync(join(child, file)) && readFileSync(join(child, file), 'utf8').trim() === '')
      writeFileSync(join(child, file), readFileSync(join(parent, file), 'utf8'));
}

function delegateControllers(path: string): void {
  const names = readFileSync(join(path, 'cgroup.controllers'), 'utf8').trim().split(' ');
  writeFileSync(join(path, 'cgroup.subtree_control'), names.map((name) => `+${name}`).join(' '));
}

export function ensureCgroup(): void {
  for (const hierarchy of hierarchies()) {
    if (unified()) delegateControllers(hierarchy);
    mkdirSync(join(hierarchy, ownName), { recursive: true });
    if (!unified()) inheritCpuset(hierarchy, join(hierarchy, ownName));
  }
}

function eachBelow(directory: string, visit: (path: string) => void): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) eachBelow(join(directory, entry.name), visit);
  visit(directory);
}

/** Kills every process of every pod; returns how many there were. */
export function killPods(): number {
  const pids = new Set<number>();
  for (const hierarchy of allHierarchies())
    eachBelow(join(hierarchy, ownName), (path) => {
      const file = readFileSync(join(path, 'cgroup.procs'), 'utf8');
      for (const pid of file.split('\n').filter(Boolean)) pids.add(Number(pid));
    });
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended by itself meanwhile
    }
  }
  return pids.size;
}

/** Removes the empty cgroups; throws EBUSY while one has a process. */
export function removeCgroup(): void {
  for (const hierarchy of allHierarchies()) eachBelow(join(hierarchy, ownName), (path) => rmdirSync(path));
}
