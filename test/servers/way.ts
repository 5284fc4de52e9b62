import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { ServerName } from './settings.ts';

/** Where a server comes from on this machine. */
export type Way =
  | { readonly from: 'process'; readonly program: string }
  | { readonly from: 'install'; readonly package: string }
  | { readonly from: 'container' };

const script = join(import.meta.dirname, '../../build/prerequisites.sh');

/** @throws Error with what to install or start where the server comes from nowhere. */
export function wayOf(name: ServerName): Way {
  const [from, what = ''] = decided(name).trim().split(' ');
  switch (from) {
    case 'process':
      return { from, program: what };
    case 'install':
      return { from, package: what };
    case 'container':
      return { from };
    default:
      throw new Error(`${name}: expected process, install or container from prerequisites.sh, got ${from}`);
  }
}

function decided(name: ServerName): string {
  try {
    return execFileSync('sh', [script, 'ways', name], { encoding: 'utf8', stdio: 'pipe', timeout: 30_000 });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new Error(said);
  }
}

/** The path of an installed server's program. */
export function programOf(name: ServerName): string {
  const way = wayOf(name);
  if (way.from !== 'process') throw new Error(`${name}: expected an installed program, got ${way.from}`);
  return way.program;
}
