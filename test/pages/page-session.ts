import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run, searchEnvironment } from '../cluster/command.ts';

/**
 * A shell in which the commands of a page are run as they stand, one block after the other: what a block exports, the
 * next one has. Programs that the machine may not have are scripts, found before all others.
 */
export class PageSession {
  readonly #home = mkdtempSync(join(tmpdir(), 'order-cache-page-'));
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;

  /** `programs`: the body of a shell script by name. `directory`: where the commands are typed. */
  constructor(programs: Readonly<Record<string, string>>, directory: string) {
    this.#directory = directory;
    this.#environment = {
      ...searchEnvironment,
      PATH: `${this.#home}${delimiter}${searchEnvironment.PATH}`,
    };
    for (const [name, body] of Object.entries(programs)) {
      const file = join(this.#home, name);
      writeFileSync(file, `#!/bin/sh\n${body}\n`);
      chmodSync(file, 0o755);
    }
  }

  /** Standard output and standard error as a terminal shows them. Throws at the first command that fails, with both. */
  run(block: string, deadlineMs = 300_000): Promise<string> {
    const kept = join(this.#home, 'exported');
    const script = `exec 2>&1; [ ! -e ${kept} ] || . ${kept}\n${block}\nexport -p >${kept}`;
    const options = { cwd: this.#directory, env: this.#environment, deadlineMs };
    return run('bash', ['-euo', 'pipefail', '-c', script], options);
  }

  close(): void {
    rmSync(this.#home, { recursive: true });
  }
}

/** What a terminal shows is what a page shows: blanks between columns and the ages of objects may differ. */
export function assertShows(actual: string, page: string): void {
  assert.deepEqual(comparable(actual), comparable(page));
}

function comparable(text: string): string[] {
  const lines = text.trim().split('\n');
  return lines.map((line) =>
    line
      .trim()
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/\b\d+[smh]\d*s?$/g, '<age>'),
  );
}
