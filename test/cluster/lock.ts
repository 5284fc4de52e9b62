import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDir } from './layout.ts';
import { say } from './progress.ts';

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function holder(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

/** One process at a time, for up to 40 minutes, the longest first build. A dead holder's lock is taken away. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(cacheDir, { recursive: true });
  const file = join(cacheDir, `${name}.lock`);
  const end = performance.now() + 40 * 60_000;
  for (let round = 0; !take(file); round++) {
    const pid = holder(file);
    if (pid !== undefined && !alive(pid)) rmSync(file, { force: true });
    else if (round % 60 === 0) say(`waiting for process ${pid}, which is at work on the ${name}`);
    if (performance.now() > end) throw new Error(`${file} is held by process ${pid} for 40 minutes`);
    await sleep(250);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
