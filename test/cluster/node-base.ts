import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { contentHash, ensureBaseImage } from './images.ts';
import { cacheDir } from './layout.ts';

/**
 * The base image where no registry can be reached: Node 24 as in the public image, the libraries that ldd names for it,
 * certificates, and a user 65532. It has no shell, so a Containerfile on it can COPY but not RUN a script.
 */
const containerfile = (version: string): string => `FROM scratch
COPY rootfs /
ENV PATH=/usr/local/bin:/usr/bin NODE_VERSION=${version.replace('v', '')}
USER 65532:65532
WORKDIR /app
`;

const files: Readonly<Record<string, string>> = {
  'etc/passwd':
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnonroot:x:65532:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** Directories with their modes; the links are those of a merged /usr. */
const directories: Readonly<Record<string, number>> = {
  tmp: 0o1777,
  app: 0o755,
  etc: 0o755,
  'home/nonroot': 0o755,
};
const links: Readonly<Record<string, string>> = { bin: 'usr/bin', lib: 'usr/lib', lib64: 'usr/lib64' };

/** Where the dynamic linker looks, as a path without the links of a merged /usr. */
const merged = (path: string): string => path.replace(/^\/(lib64|lib|bin)\//, '/usr/$1/');

/** The absolute paths in ldd's output: `libm.so.6 => /lib/.../libm.so.6 (0x...)` and the linker itself. */
async function librariesOf(program: string): Promise<string[]> {
  const output = await run('ldd', [program]);
  return [...output.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

function place(rootfs: string, source: string, target: string): void {
  mkdirSync(dirname(join(rootfs, target)), { recursive: true });
  copyFileSync(realpathSync(source), join(rootfs, target));
}

async function makeRootfs(rootfs: string, node: string): Promise<void> {
  rmSync(rootfs, { recursive: true, force: true });
  for (const target of Object.values(links)) mkdirSync(join(rootfs, target), { recursive: true });
  for (const [link, target] of Object.entries(links)) symlinkSync(target, join(rootfs, link));
  for (const [directory, mode] of Object.entries(directories)) {
    mkdirSync(join(rootfs, directory), { recursive: true });
    chmodSync(join(rootfs, directory), mode);
  }
  for (const [file, contents] of Object.entries(files)) writeFileSync(join(rootfs, file), contents);
  place(rootfs, node, '/usr/local/bin/node');
  for (const library of await librariesOf(node)) place(rootfs, library, merged(library));
  place(rootfs, '/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/certs/ca-certificates.crt');
  if (existsSync('/usr/share/zoneinfo/UTC')) place(rootfs, '/usr/share/zoneinfo/UTC', '/etc/localtime');
}

/** The Node that npm installed; the one of PATH, which may run this, can be older or newer than 24. */
export const packagedNode = join(
  import.meta.dirname,
  `../../node_modules/node-linux-${process.arch}/bin/node`,
);

/** Makes the base image unless it is there; returns its tag for `BASE`, which names its contents. */
export async function buildNodeBase(): Promise<string> {
  const node = realpathSync(packagedNode);
  const version = (await run(node, ['--version'])).trim();
  const hash = contentHash([import.meta.filename, '/etc/ssl/certs/ca-certificates.crt'], [node, version]);
  const tag = `localhost/order-cache-node-base:${hash}`;
  const context = join(cacheDir, 'images', 'node-base');
  await ensureBaseImage({ containerfile: join(context, 'Containerfile'), context, tag }, async () => {
    await makeRootfs(join(context, 'rootfs'), node);
    writeFileSync(join(context, 'Containerfile'), containerfile(version));
  });
  return tag;
}
