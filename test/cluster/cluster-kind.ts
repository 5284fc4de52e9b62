import { join } from 'node:path';
import { run } from './command.ts';

/** What the rest of the project sees of a cluster: a kubeconfig, a kubectl, and a way to get images into pods. */
export interface Cluster {
  readonly kind: 'components' | 'kind' | 'context';
  /** Path of a kubeconfig whose current context is this cluster, with administrator's rights or the user's own. */
  readonly kubeconfig: string;
  /** Path of a kubectl, or its name in PATH. */
  readonly kubectl: string;
  /** Where pods reach servers that listen on this machine; undefined in a cluster elsewhere. */
  readonly nodeAddress: string | undefined;
  /** Makes the images of a docker-archive available to pods, which need `imagePullPolicy: IfNotPresent`. */
  loadImage(archive: string): Promise<void>;
  /** Builds and loads the product's image where it can be; returns the reference that pods use. */
  provideImage(image: ProductImage): Promise<string>;
  /** References of the images of the servers that the demo runs as pods. */
  serverImages(): Promise<ServerImages>;
  /** Ends a container with SIGKILL, as a crash would, by its id in the pod's status. Undefined in a cluster elsewhere. */
  readonly killContainer: ((containerId: string) => Promise<void>) | undefined;
}

/** The Containerfile's build argument BASE is a Node image: public, or made here where no registry answers. */
export interface ProductImage {
  readonly containerfile: string;
  readonly context: string;
  readonly tag: string;
  /** Files and directories that decide whether to build again. Default: the whole context. */
  readonly inputs?: readonly string[];
}

export interface ServerImages {
  readonly rabbitmq: string;
  readonly redis: string;
  readonly postgres: string;
}

export const publicServerImages: ServerImages = {
  rabbitmq: 'docker.io/library/rabbitmq:3.13-management',
  redis: 'docker.io/library/redis:7.2',
  postgres: 'docker.io/library/postgres:15',
};

const prerequisites = join(import.meta.dirname, '../../build/prerequisites.sh');

/**
 * The user's choice by name first, then kind where a Docker daemon answers, then components on root's Debian 12.
 * @throws CommandFailed with the reason where none of them is possible.
 */
export async function chooseKind(): Promise<Cluster['kind']> {
  return (await run('sh', [prerequisites, 'ways', 'cluster'])).trim() as Cluster['kind'];
}
