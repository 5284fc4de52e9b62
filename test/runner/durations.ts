import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../cluster/layout.ts';

/** How long each test file takes, in seconds, by its path from the root. */
export type Durations = ReadonlyMap<string, number>;

/** Of files that have never run on this machine and are not in durations.json: about what one of the suite takes. */
const USUAL_SECONDS: readonly (readonly [RegExp, number])[] = [
  [/(^|\/)test\/(e2e|pages)\//, 45],
  [/(^|\/)test\/integration\//, 10],
  [/./, 2],
];

/** The last durations on this machine. */
const ofMachine = join(cacheDir, 'test-durations.json');
/** Where there are none: estimates for two cores with nothing beside. */
const CHECKED_IN = join(import.meta.dirname, 'durations.json');

export function knownDurations(file = ofMachine): Durations {
  return new Map([...read(CHECKED_IN), ...read(file)]);
}

/** Keeps what was measured beside what is there. A cache that cannot be written is no reason to fail. */
export function keepDurations(measured: Durations, file = ofMachine): void {
  const all = Object.fromEntries([...read(file), ...measured].map(([path, s]) => [path, round(s)]));
  const unfinished = `${file}.${process.pid}`;
  try {
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(unfinished, JSON.stringify(all, null, 1));
    renameSync(unfinished, file);
  } catch (error) {
    console.error(`the durations of the test files were not kept: ${error}`);
  }
}

export function expected(durations: Durations, path: string): number {
  return durations.get(path) ?? USUAL_SECONDS.find(([pattern]) => pattern.test(path))?.[1] ?? 0;
}

/** The order in which files that run side by side end soonest: no long one is left for the end. */
export function longestFirst(files: readonly string[], durations: Durations): string[] {
  return files.toSorted((a, b) => expected(durations, b) - expected(durations, a));
}

/** The slowest ten, one a line. */
export function slowest(measured: Durations): string {
  const sorted = [...measured].sort(([, a], [, b]) => b - a).slice(0, 10);
  return sorted.map(([path, seconds]) => `${seconds.toFixed(1).padStart(8)} s  ${path}`).join('\n');
}

function read(file: string): [string, number][] {
  try {
    const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);
    return entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  } catch {
    return [];
  }
}

const round = (seconds: number): number => Math.round(seconds * 10) / 10;
