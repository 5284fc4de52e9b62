import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage } from './images.ts';
import { cacheDir } from './layout.ts';

/** Holds a pod's namespaces open; also a shell, `nc`, `wget` and `httpd` for small test pods. */
export const sandboxImage = 'localhost/order-cache-busybox:1';

const containerfile = `FROM scratch
COPY busybox /bin/busybox
COPY etc /etc
RUN ["/bin/busybox", "--install", "-s", "/bin"]
USER 65532:65532
CMD ["/bin/busybox", "sleep", "2147483647"]
`;

const accounts: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/:/bin/sh\n',
  group: 'root:x:0:\nnonroot:x:65532:\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\n',
};

/** Builds the image from the static busybox of Debian; returns its docker-archive. */
export async function buildSandboxImage(): Promise<string> {
  const context = join(cacheDir, 'images', 'busybox');
  mkdirSync(join(context, 'etc'), { recursive: true });
  writeFileSync(join(context, 'Containerfile'), containerfile);
  for (const [file, contents] of Object.entries(accounts))
    writeFileSync(join(context, 'etc', file), contents);
  if (!existsSync(join(context, 'busybox'))) copyFileSync('/bin/busybox', join(context, 'busybox'));
  return buildImage({ containerfile: join(context, 'Containerfile'), context, tag: sandboxImage });
}
