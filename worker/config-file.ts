import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerConfig } from '../api/worker-config.ts';
import { configHash, parseConfig } from './config.ts';

const POLL_INTERVAL = 250;

/** The worker cannot start with this configuration. The message is one line. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig';
}

/**
 * Reads config.json as soon as it is the one that this pod was made for: a ConfigMap that was just changed may be
 * mounted in its old version for a while.
 *
 * @param patience in milliseconds
 * @throws InvalidConfig
 */
export async function loadConfig(path: string, hash: string, patience: number): Promise<WorkerConfig> {
  const deadline = Date.now() + patience;
  for (;;) {
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes !== undefined && configHash(bytes) === hash) return parsed(bytes);
    if (Date.now() >= deadline) {
      const found = bytes === undefined ? 'no such file' : `a file with hash ${configHash(bytes)}`;
      throw new InvalidConfig(`${path}: expected a file with hash ${hash}, got ${found}`);
    }
    await sleep(POLL_INTERVAL);
  }
}

function parsed(bytes: Buffer): WorkerConfig {
  const result = parseConfig(bytes);
  if (result.kind === 'Invalid') throw new InvalidConfig(result.message);
  return result.config;
}
