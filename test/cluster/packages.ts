import { existsSync } from 'node:fs';
import { run, searchEnvironment } from './command.ts';
import { step } from './progress.ts';

/** The Debian packages that the cluster needs, each with a file that shows that it is there. */
const needed: Readonly<Record<string, string>> = {
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/ptp',
  buildah: '/usr/bin/buildah',
  nftables: '/usr/sbin/nft',
  iproute2: '/bin/ip',
  conntrack: '/usr/sbin/conntrack',
  'busybox-static': '/bin/busybox',
  openssl: '/usr/bin/openssl',
  mount: '/bin/mount',
  tar: '/bin/tar',
  'ca-certificates': '/etc/ssl/certs/ca-certificates.crt',
};

const missing = (): string[] => Object.keys(needed).filter((name) => !existsSync(needed[name] ?? ''));

/** Waits for another apt-get up to five minutes, which is what a fresh machine's own updates may take. */
const apt = (...args: string[]): Promise<string> =>
  run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-q', '-y', ...args], {
    deadlineMs: 600_000,
    env: { ...searchEnvironment, DEBIAN_FRONTEND: 'noninteractive' },
  });

/** Installs packages by name. @throws Error where the user is not root or there is no apt. */
export async function installPackages(names: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error(
      'a cluster on this machine needs root; start Docker instead, or name a cluster: CONTEXT=name',
    );
  if (names.length === 0) return;
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`please install: ${names.join(', ')}`);
  await step(`installing ${names.join(', ')}`, async () => {
    await apt('update');
    await apt('install', '--no-install-recommends', ...names);
  });
}

/** Installs what the cluster needs and this machine lacks. */
export const ensurePackages = (): Promise<void> => installPackages(missing());
