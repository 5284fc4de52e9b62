import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deadLetterQueueName } from '../../api/names.ts';
import { WORKER_ENVIRONMENT, type WorkerConfig } from '../../api/worker-config.ts';
import { DATABASE, EVENT_SETTINGS, WORKER_CONFIG } from '../fixtures/worker-config.ts';
import type { BenchOptions, ContenderName } from './options.ts';
import { POLICY_UID, type Stage } from './stage.ts';

/** A Node.js process that consumes the queue and answers `/report` on the port. */
export interface Contender {
  readonly script: string;
  readonly argument?: string;
  readonly nodeOptions: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Removes the files that it needed. */
  readonly cleanUp: () => Promise<void>;
}

export async function contender(
  name: ContenderName,
  stage: Stage,
  queue: string,
  port: number,
  options: BenchOptions,
): Promise<Contender> {
  const { amqpUri, redisUri, keyPrefix } = stage;
  switch (name) {
    case 'acknowledge-only':
      return program('acknowledge-only.ts', { amqpUri, queue, prefetch: options.prefetch, port });
    case 'one-at-a-time':
    case 'all-at-once': {
      const oneAtATime = name === 'one-at-a-time';
      return program('plain-consumer.ts', { amqpUri, redisUri, queue, keyPrefix, oneAtATime, port });
    }
    case 'write-through':
      return worker('WriteThrough', stage, queue, port, options);
    case 'read-through':
      return worker('ReadThrough', stage, queue, port, options);
  }
}

function program(file: string, parameters: object): Contender {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const argument = JSON.stringify(parameters);
  return { script, argument, nodeOptions: [], environment: {}, cleanUp: async () => {} };
}

/** The worker as in a pod: configuration and credentials as files, everything else from the environment. */
async function worker(
  strategy: WorkerConfig['strategy'],
  stage: Stage,
  queue: string,
  port: number,
  options: BenchOptions,
): Promise<Contender> {
  const directory = await mkdtemp(join(tmpdir(), 'ordercache-bench-'));
  const uris = { rabbitmq: stage.amqpUri, redis: stage.redisUri, database: stage.databaseUri };
  for (const [connection, uri] of Object.entries(uris)) {
    await mkdir(join(directory, connection));
    await writeFile(join(directory, connection, 'uri'), uri);
  }
  const config = Buffer.from(JSON.stringify(workerConfig(strategy, stage, queue, options)));
  const configFile = join(directory, 'config.json');
  await writeFile(configFile, config);
  return {
    script: fileURLToPath(new URL('../../worker/main.ts', import.meta.url)),
    nodeOptions: options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`],
    environment: {
      [WORKER_ENVIRONMENT.configFile]: configFile,
      [WORKER_ENVIRONMENT.configHash]: createHash('sha256').update(config).digest('hex').slice(0, 16),
      [WORKER_ENVIRONMENT.credentialsDirectory]: directory,
      [WORKER_ENVIRONMENT.httpPort]: String(port),
      [WORKER_ENVIRONMENT.logLevel]: 'info',
    },
    cleanUp: () => rm(directory, { recursive: true, force: true }),
  };
}

function workerConfig(
  strategy: WorkerConfig['strategy'],
  stage: Stage,
  queue: string,
  options: BenchOptions,
): WorkerConfig {
  return {
    ...WORKER_CONFIG,
    policy: { namespace: 'bench', name: 'bench', uid: POLICY_UID },
    strategy,
    event: { ...EVENT_SETTINGS, ...(options.versioned ? { versionPointer: '/version' } : {}) },
    rabbitmq: {
      queues: [queue],
      deadLetterQueue: deadLetterQueueName(queue),
      retry: { maxAttempts: 5, steps: [] },
    },
    redis: { keyPrefix: stage.keyPrefix },
    database: DATABASE,
    prefetchCount: options.prefetch,
    terminationGracePeriodSeconds: 30,
  };
}
