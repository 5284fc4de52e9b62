import { transformSync } from 'esbuild';
import type { SourceFile } from './import-graph.ts';

/** What lint cannot see of docs/architecture.md. Each rule gives its violations as sentences. */

/** Client libraries, and the only files that import them at run time. Types may be imported anywhere. */
export type Owners = Readonly<Record<string, readonly string[]>>;

export function ownershipViolations(graph: readonly SourceFile[], owners: Owners): string[] {
  return Object.entries(owners).flatMap(([library, allowed]) => {
    const found = graph.filter(({ packages }) => packages.includes(library)).map(({ path }) => path);
    return [
      ...found
        .filter((path) => !allowed.includes(path))
        .map((path) => `${path} imports ${library}, which belongs to ${allowed.join(', ')}`),
      ...allowed
        .filter((path) => !found.includes(path))
        .map((path) => `${path} owns ${library} and does not import it`),
    ];
  });
}

/** Packages without effects: the same arguments give the same result. node:crypto for hashes; see AMBIENT. */
const PURE_PACKAGES = ['typebox', 'yaml', 'node:crypto', 'node:util', 'node:path'];

/** Clock, randomness, environment, timers and the outside world: pure files get them as arguments. */
const AMBIENT =
  /\b(Date\.now|new Date\(\)|Math\.random|random(UUID|Bytes|Int)|performance\.now|set(Timeout|Interval|Immediate)\(|process\.\w|console\.|fetch\(|AbortSignal\.timeout)/;

export function purityViolations(graph: readonly SourceFile[], pure: readonly string[]): string[] {
  const known = new Map(graph.map((file) => [file.path, file]));
  return pure.flatMap((path) => {
    const file = known.get(path);
    if (file === undefined) return [`${path} is listed as pure and does not exist`];
    return impurities(file, pure).map((what) => `${path} is listed as pure and ${what}`);
  });
}

function impurities({ text, files, packages }: SourceFile, pure: readonly string[]): string[] {
  const ambient = AMBIENT.exec(withoutComments(text))?.[0];
  return [
    ...files.filter((path) => !pure.includes(path)).map((path) => `imports ${path}, which is not`),
    ...packages.filter((name) => !PURE_PACKAGES.includes(name)).map((name) => `imports ${name}`),
    ...(ambient === undefined ? [] : [`uses ${ambient}`]),
  ];
}

function withoutComments(text: string): string {
  return transformSync(text, { loader: 'ts', minifyWhitespace: true, legalComments: 'none' }).code;
}

const VAGUE = /(^|\/)(utils?|helpers?|common|types?|misc|shared|lib)(\/|\.[a-z]+$)/;

export function vagueNames(paths: readonly string[]): string[] {
  return paths.filter((path) => VAGUE.test(path)).map((path) => `${path} has a name that says nothing`);
}
