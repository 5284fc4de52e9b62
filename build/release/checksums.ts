import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** As `sha256sum` writes them, of every file in the directory. */
export function checksums(directory: string): string {
  return readdirSync(directory)
    .sort()
    .map((name) => {
      const contents = readFileSync(join(directory, name));
      return `${createHash('sha256').update(contents).digest('hex')}  ${name}\n`;
    })
    .join('');
}
