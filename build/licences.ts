import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The licences of the packages whose code a bundle contains, as most of them demand. */

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.(md|txt|mit))?$/i;

/** `node_modules/@scope/name` of a bundled file; undefined for a file of our own. */
export function packageDirectory(input: string): string | undefined {
  const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
  return found?.[1];
}

/** The directories of the packages that bundled files belong to, sorted. */
export function packageDirectories(inputs: Iterable<string>): string[] {
  const directories = [...inputs].map(packageDirectory).filter((directory) => directory !== undefined);
  return [...new Set(directories)].sort();
}

/** The text, package after package. Throws when a package states no licence. */
export function thirdPartyLicences(root: string, inputs: Iterable<string>): string {
  return packageDirectories(inputs)
    .map((directory) => section(join(root, directory)))
    .join('\n');
}

function section(directory: string): string {
  const { name, version, license }: PackageJson = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  const texts = readdirSync(directory)
    .filter((file) => LICENCE_FILE.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), 'utf8').trim());
  if (license === undefined && texts.length === 0)
    throw new Error(`${name}@${version}: expected a licence in package.json or a file, got none`);
  const rule = '='.repeat(80);
  return `${rule}\n${name} ${version} (${license ?? 'see below'})\n${rule}\n\n${texts.join('\n\n')}\n`;
}
