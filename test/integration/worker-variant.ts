import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '../servers/index.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * The worker's program with one piece of its source replaced, for tests that must find that out. Gives its main file.
 * @throws Error when the piece is not there
 */
function workerVariant(scope: Scope, file: string, piece: string, replacement: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-variant-'));
  scope.after(async () => rmSync(directory, { recursive: true, force: true }));
  for (const part of ['api', 'cache', 'worker', 'package.json'])
    cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const source = readFileSync(join(directory, file), 'utf8');
  if (!source.includes(piece)) throw new Error(`${file}: there is no ${piece}`);
  writeFileSync(join(directory, file), source.replace(piece, replacement));
  return join(directory, 'worker/main.ts');
}

/** A worker that tells and acknowledges at once, and changes the cache half a minute later. */
export function confirmingEarly(scope: Scope): string {
  const loop = '  for (const result of await isolatingFailures(orders, riding)) {\n';
  const early = `  for (const { events } of orders)
    for (const { delivery, event } of events)
      worker.perform(delivery, { kind: 'Finished', outcome: 'updated' }, event);
  worker.acknowledge();
  await new Promise((resolve) => setTimeout(resolve, 30_000));
`;
  return workerVariant(scope, 'worker/handle.ts', loop, early + loop);
}
