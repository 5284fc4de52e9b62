import { globSync } from 'node:fs';
import { join } from 'node:path';
import { importGraph, type SourceFile } from '../unit/import-graph.ts';

/** `pages`: the commands of docs/getting-started.md and docs/quickstart.md. */
export type SuiteName = 'unit' | 'integration' | 'e2e' | 'pages';

/** Files that need the same things and run together. */
export interface Suite {
  readonly title: string;
  readonly files: readonly string[];
  /** Test files that run at the same time. */
  readonly concurrency: number;
  readonly needsCluster: boolean;
  /** What must be up before the first test, beside the cluster. */
  readonly prepare?: () => Promise<void>;
  /** Takes away what the files of the suite share. */
  readonly finish?: () => Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');
/** Whoever imports this asks for a cluster, or for a program that is built with it. */
const CLUSTER = 'test/cluster/binaries.ts';

/** In the order in which they run. Files that need no cluster come before those that do: it may still be built. */
export async function suites(names: readonly SuiteName[], chosen: readonly string[]): Promise<Suite[]> {
  const all = names.map(async (name) => {
    const files = chosen.length > 0 ? chosen : globSync(`test/${name}/**/*.test.ts`).sort();
    if (name === 'integration') return integration(files);
    if (name === 'unit') return [unit(files)];
    return [{ title: name, files, concurrency: 1, needsCluster: true, finish: sceneClosed }];
  });
  return (await Promise.all(all)).flat().filter(({ files }) => files.length > 0);
}

function unit(files: readonly string[]): Suite {
  return { title: 'unit', files, concurrency: 2, needsCluster: false };
}

/** Its files wait more than they compute. */
async function integration(files: readonly string[]): Promise<Suite[]> {
  const clustered = await needingCluster(files);
  const part = (title: string, needsCluster: boolean): Suite => ({
    title,
    files: files.filter((file) => clustered.has(file) === needsCluster),
    concurrency: 3,
    needsCluster,
    prepare: serversUp,
  });
  return [part('integration', false), part('integration with Kubernetes', true)];
}

export async function needingCluster(files: readonly string[]): Promise<ReadonlySet<string>> {
  const graph = new Map((await importGraph(ROOT, files)).map((file) => [file.path, file]));
  return new Set(files.filter((file) => reaches(graph, file, new Set())));
}

function reaches(graph: ReadonlyMap<string, SourceFile>, path: string, visited: Set<string>): boolean {
  if (path === CLUSTER) return true;
  if (visited.has(path)) return false;
  visited.add(path);
  return (graph.get(path)?.files ?? []).some((next) => reaches(graph, next, visited));
}

async function serversUp(): Promise<void> {
  const { ensureServers } = await import('../servers/index.ts');
  await ensureServers();
}

async function sceneClosed(): Promise<void> {
  const { closeScene } = await import('../e2e/scene.ts');
  await closeScene();
}
