import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { imageValues } from '../../cdk8s/values.ts';
import type { ServerImages } from '../../test/cluster/cluster-kind.ts';

const SOURCE = join(import.meta.dirname, '../../quickstart');

/** An entry under `images:` of a kustomization. */
interface Image {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly digest?: string;
}

/** A directory that holds a copy of quickstart/ with other images. */
export interface QuickstartCopy {
  readonly directory: string;
  /** Of the copy, which is named as the original is. */
  readonly path: string;
  remove(): void;
}

/** `image`: the operator's, as pods name it. */
export function quickstartCopy(image: string, servers: ServerImages): QuickstartCopy {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-quickstart-'));
  const path = join(directory, 'quickstart');
  cpSync(SOURCE, path, { recursive: true });
  const file = join(path, 'kustomization.yaml');
  const document = parseDocument(readFileSync(file, 'utf8'));
  document.set('images', [
    replaced('order-cache-operator', image),
    replaced('docker.io/library/rabbitmq', servers.rabbitmq),
    replaced('docker.io/library/redis', servers.redis),
    replaced('docker.io/library/postgres', servers.postgres),
  ]);
  writeFileSync(file, document.toString());
  return { directory, path, remove: () => rmSync(directory, { recursive: true }) };
}

function replaced(name: string, reference: string): Image {
  const { repository, tag, digest } = imageValues(reference);
  return {
    name,
    newName: repository,
    ...(tag === '' ? {} : { newTag: tag }),
    ...(digest === '' ? {} : { digest }),
  };
}
