import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { buildImage, contentHash } from './images.ts';
import { cacheDir } from './layout.ts';
import { withLock } from './lock.ts';
import { step } from './progress.ts';
import { serverPackageVersions, unpackServerPackages } from './server-packages.ts';

/**
 * RabbitMQ, Redis and PostgreSQL in one image, from Debian's packages, for a cluster that reaches no registry.
 * Commands are where `rabbitmq:3-management`, `redis:7` and `postgres:15` have them, and run as user 999 with a
 * read-only root: volumes belong at /var/lib/rabbitmq, /data, /var/lib/postgresql/data, /var/run/postgresql, /tmp.
 */
export const serverImage = 'localhost/order-cache-servers:dev';

const path = [
  '/usr/lib/rabbitmq/bin',
  '/usr/lib/postgresql/15/bin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
].join(':');

const containerfile = `FROM scratch
COPY rootfs /
ENV PATH=${path} LANG=C.UTF-8 HOME=/var/lib/rabbitmq RABBITMQ_LOGS=- \
    RABBITMQ_LOG_BASE=/var/lib/rabbitmq/log PGDATA=/var/lib/postgresql/data
USER 999:999
WORKDIR /data
`;

/** The first is what `id -un` says, and so the role that PostgreSQL's programs take by default. */
const accounts = ['postgres', 'rabbitmq', 'redis'];

/** The configuration that the public RabbitMQ image has, and accounts that all are user 999. */
const files: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/root:/bin/sh\n${accounts.map((name) => `${name}:x:999:999::/var/lib/${name}:/bin/sh\n`).join('')}`,
  'etc/group': `root:x:0:\n${accounts.map((name) => `${name}:x:999:\n`).join('')}`,
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'etc/rabbitmq/enabled_plugins': '[rabbitmq_management,rabbitmq_prometheus].\n',
  'etc/rabbitmq/conf.d/10-defaults.conf': 'loopback_users.guest = false\nlog.console = true\n',
};

const links: Readonly<Record<string, string>> = {
  bin: 'usr/bin',
  sbin: 'usr/sbin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
};

const unneeded = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/perl',
  'usr/share/info',
  'usr/lib/postgresql/15/lib/bitcode',
  'usr/lib/postgresql/15/lib/llvmjit.so',
  'usr/include',
];

const volumes = [
  'data',
  'tmp',
  'var/lib/rabbitmq',
  'var/log/rabbitmq',
  'var/lib/postgresql/data',
  'var/run/postgresql',
];

async function makeRootfs(packages: string, rootfs: string, names: readonly string[]): Promise<void> {
  rmSync(rootfs, { recursive: true, force: true });
  for (const [link, target] of Object.entries(links)) {
    mkdirSync(join(rootfs, target), { recursive: true });
    symlinkSync(target, join(rootfs, link));
  }
  await unpackServerPackages(packages, rootfs, names);
  for (const directory of unneeded) rmSync(join(rootfs, directory), { recursive: true, force: true });
  for (const [file, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(rootfs, file)), { recursive: true });
    writeFileSync(join(rootfs, file), contents);
  }
  await run('chroot', [rootfs, '/bin/busybox', '--install', '-s', '/usr/bin']);
  for (const volume of volumes) {
    mkdirSync(join(rootfs, volume), { recursive: true });
    chmodSync(join(rootfs, volume), 0o1777);
  }
}

/** Builds the servers' image unless it is there; returns the path of its docker-archive. */
export async function buildServerImage(): Promise<string> {
  const packages = join(cacheDir, 'packages');
  const context = join(cacheDir, 'images', 'servers');
  const names = await serverPackageVersions(packages);
  const marker = join(context, 'made', contentHash([import.meta.filename], names));
  await withLock('servers', async () => {
    if (existsSync(marker)) return;
    await step(`unpacking ${names.length} packages for ${serverImage}`, async () => {
      rmSync(join(context, 'made'), { recursive: true, force: true });
      await makeRootfs(packages, join(context, 'rootfs'), names);
      writeFileSync(join(context, 'Containerfile'), containerfile);
      mkdirSync(dirname(marker), { recursive: true });
      writeFileSync(marker, `${names.join('\n')}\n`);
    });
  });
  const description = { containerfile: join(context, 'Containerfile'), context, inputs: [marker] };
  return buildImage({ ...description, tag: serverImage });
}
