import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';

/** What the servers' image is made of; the libraries follow from these. */
const wanted = ['redis-server', 'rabbitmq-server', 'postgresql-15', 'busybox', 'tzdata', 'media-types'];

/** Dependencies of installation, administration and PostgreSQL's JIT, which the servers run without. */
const unused =
  /^(libllvm|libz3|libperl|perl|python3|libpython3|locales_|libc-l10n|dpkg_|tar_|passwd_|adduser|debconf|cron|logrotate|ucf|postgresql-common|init-system-helpers|ssl-cert)/;

/** An empty dpkg status makes apt name every dependency, whatever this machine has installed. */
function aptOptions(directory: string): string[] {
  mkdirSync(join(directory, 'partial'), { recursive: true });
  const status = join(directory, 'status');
  writeFileSync(status, '');
  const settings = {
    'Dir::State::status': status,
    'Dir::Cache::archives': directory,
    'APT::Install-Recommends': 'false',
    'DPkg::Lock::Timeout': '300',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

const apt = (...args: string[]): Promise<string> => run('apt-get', ['-q', ...args], { deadlineMs: 300_000 });

/** Names with versions of all packages that would be downloaded, so that a new version makes a new image. */
export async function serverPackageVersions(directory: string): Promise<string[]> {
  const nothing = join(directory, 'none'); // apt does not name what it has downloaded already
  const list = async (): Promise<string[]> => {
    const output = await apt(...aptOptions(nothing), '--print-uris', '-y', 'install', ...wanted);
    return [...output.matchAll(/^'[^']+' (\S+\.deb) /gm)]
      .map((match) => match[1] ?? '')
      .filter((name) => !unused.test(name));
  };
  const names = await list().catch(async () => {
    await apt('-o', 'DPkg::Lock::Timeout=300', 'update');
    return list();
  });
  return names.sort();
}

/** Downloads the packages and unpacks them; nothing of them is run or configured. */
export async function unpackServerPackages(
  directory: string,
  rootfs: string,
  names: readonly string[],
): Promise<void> {
  const install = ['-y', '--download-only', 'install', ...wanted];
  await apt(...aptOptions(directory), ...install).catch(async () => {
    await apt('-o', 'DPkg::Lock::Timeout=300', 'update'); // the mirror has newer versions than the lists
    await apt(...aptOptions(directory), ...install);
  });
  const present = new Set(readdirSync(directory));
  for (const name of names.filter((file) => present.has(file))) {
    const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"';
    await run('bash', ['-o', 'pipefail', '-c', unpack, 'unpack', join(directory, name), rootfs]);
  }
}
