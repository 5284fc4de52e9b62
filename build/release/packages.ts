import { globSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../test/cluster/command.ts';

/** The npm packages that are published: that of the root, and each workspace that is not private. */

interface PackageJson {
  readonly name: string;
  readonly private?: boolean;
  readonly workspaces?: readonly string[];
}

const readPackage = (directory: string): PackageJson =>
  JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));

function publicDirectories(root: string): string[] {
  const patterns = readPackage(root).workspaces ?? [];
  const workspaces = patterns
    .flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }))
    .map((file) => dirname(join(root, file)));
  return [root, ...workspaces.sort()].filter((directory) => readPackage(directory).private !== true);
}

/** Packs each into `directory` as `npm-<name>-<version>.tgz`. npm gives every entry the same time. */
export async function packPackages(root: string, stage: string, directory: string): Promise<void> {
  for (const [index, source] of publicDirectories(root).entries()) {
    const destination = join(stage, `npm-${index}`);
    mkdirSync(destination);
    const path = `${dirname(process.execPath)}:${process.env.PATH}`;
    await run('npm', ['pack', '--silent', '--pack-destination', destination], {
      cwd: source,
      env: { ...process.env, PATH: path },
      deadlineMs: 180_000,
    });
    for (const archive of readdirSync(destination))
      renameSync(join(destination, archive), join(directory, `npm-${archive}`));
  }
}
