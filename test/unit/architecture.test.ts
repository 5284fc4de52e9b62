import assert from 'node:assert/strict';
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Owners, ownershipViolations, purityViolations, vagueNames } from './architecture-rules.ts';
import { importGraph, type SourceFile } from './import-graph.ts';

const root = join(import.meta.dirname, '../..');

/** Beside these, only tests and the demo speak to the outside themselves. */
const OWNERS: Owners = {
  '@kubernetes/client-node': ['operator/kubernetes-session.ts'],
  amqplib: ['operator/rabbitmq-queue-gauge.ts', 'publisher/broker-link.ts', 'worker/rabbitmq-connection.ts'],
  ioredis: ['cache/connect.ts'],
  pg: ['maintenance/outbox-relay.ts', 'worker/orders-pool.ts'],
  undici: ['operator/kubernetes-session.ts', 'operator/rabbitmq-request.ts', 'operator/worker-reports.ts'],
  'prom-client': ['maintenance/metrics.ts', 'operator/metrics.ts', 'worker/metrics.ts'],
  pino: ['operator/main.ts', 'worker/pod-process.ts'],
};

/** The decisions. They get clock, randomness and environment as arguments. All of api/ is pure, too. */
const DECISIONS = {
  cache: ['address', 'circuit-breaker', 'failure', 'keys', 'outage', 'outcomes', 'record', 'ttl-table'],
  cdk8s: [
    'api-reference',
    'chart/expressions',
    'input-check',
    'input-schema',
    'rbac',
    'values-parts',
    'values-schema',
  ],
  maintenance: ['catch-up-state', 'redis-place', 'settings'],
  operator: [
    'broker-policies',
    'catch-up-events',
    'checks',
    'conditions',
    'conflicts',
    'connection-credentials',
    'deletion',
    'desired',
    'desired-config',
    'desired-maintenance',
    'desired-pod',
    'difference',
    'kubernetes-objects',
    'leader-decision',
    'maintenance-report-parse',
    'memory',
    'observation',
    'outside',
    'ports',
    'quantity',
    'replicas',
    'report',
    'rollout',
    'rollout-gate',
    'sampler-rates',
    'sampler-view',
    'scaling',
    'scaling-behavior',
    'scaling-decision',
    'scaling-hold',
    'settings',
    'situation',
    'statements',
    'status',
    'topology-desired',
    'topology-diff',
    'topology-observed',
    'ttl-table-of-policy',
    'worker-report-parse',
    'worker-route',
    'world',
  ],
  publisher: [
    'answers',
    'options',
    'outbox-sql',
    'outbox-trigger-sql',
    'publish-error',
    'relay-batch',
    'relay-options',
    'relay-retries',
    'retry-delay',
    'relay-rows',
    'sql-names',
  ],
  worker: [
    'acknowledgements',
    'backoff',
    'batch',
    'config',
    'confirmation',
    'credentials',
    'database-failure',
    'decide',
    'delivery',
    'environment',
    'gone-nodes',
    'orders-query',
    'orders-statements',
    'orders-write',
    'outgoing',
    'reply-address',
    'state',
    'traceparent',
    'version-column',
    'write-order',
  ],
} as const;

const PARTS = ['api', 'cache', 'worker', 'maintenance', 'operator', 'publisher', 'cdk8s'] as const;
const own = PARTS.flatMap((part) => globSync(`${part}/**/*.ts`, { cwd: root }));
const pure = [
  ...own.filter((path) => path.startsWith('api/')),
  ...Object.entries(DECISIONS).flatMap(([part, names]) => names.map((name) => `${part}/${name}.ts`)),
];

describe('the architecture', () => {
  let graph: SourceFile[] = [];
  before(async () => {
    graph = await importGraph(root, own);
  });

  it('has one small shell for each client library', () => {
    assert.deepEqual(ownershipViolations(graph, OWNERS), []);
  });

  it('has decisions without effects, which import only such files', () => {
    assert.deepEqual(purityViolations(graph, pure), []);
  });

  it('has no file whose name says nothing', () => {
    const everywhere = globSync(
      '{api,cache,worker,maintenance,operator,publisher,cdk8s,build,demo,test}/**/*.ts',
      {
        cwd: root,
      },
    );
    assert.deepEqual(vagueNames(everywhere.filter((path) => !path.includes('node_modules'))), []);
  });
});

describe('the architecture rules, on a project that breaks them', () => {
  const files = {
    'worker/decide.ts': `import { connect } from './shell.ts';\nexport const decide = () => connect(Date.now());`,
    'worker/shell.ts': `import { Redis } from 'ioredis';\nimport type { Pool } from 'pg';\nexport const connect = (at: number): [Redis, Pool?] => [new Redis(at)];`,
    'worker/table.ts': `// Date.now() in a comment, and import { Redis } from 'ioredis'\nexport const rows = 1;`,
    'worker/lookup.ts': `import { readFileSync } from 'node:fs';\nexport const lookup = () => readFileSync('a');`,
    'worker/reexport.ts': `export { Pool } from 'pg';`,
    'worker/late.ts': `export const late = async () => await import('amqplib');`,
  };
  let directory = '';
  let graph: SourceFile[] = [];
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'order-cache-architecture-'));
    mkdirSync(join(directory, 'worker'));
    for (const [path, text] of Object.entries(files)) writeFileSync(join(directory, path), text);
    graph = await importGraph(directory, Object.keys(files));
  });
  after(() => rmSync(directory, { recursive: true }));

  it('find a library imported by a file that does not own it, re-exported and loaded late too', () => {
    const found = ownershipViolations(graph, { ioredis: ['cache/connect.ts'], pg: [], amqplib: [] });
    assert.deepEqual(found, [
      'worker/shell.ts imports ioredis, which belongs to cache/connect.ts',
      'cache/connect.ts owns ioredis and does not import it',
      'worker/reexport.ts imports pg, which belongs to ',
      'worker/late.ts imports amqplib, which belongs to ',
    ]);
  });

  it('find effects in a file that is listed as pure, and none in its comments', () => {
    const listed = ['worker/decide.ts', 'worker/table.ts', 'worker/lookup.ts', 'worker/gone.ts'];
    assert.deepEqual(purityViolations(graph, listed), [
      'worker/decide.ts is listed as pure and imports worker/shell.ts, which is not',
      'worker/decide.ts is listed as pure and uses Date.now',
      'worker/lookup.ts is listed as pure and imports node:fs',
      'worker/gone.ts is listed as pure and does not exist',
    ]);
  });

  it('find names that say nothing', () => {
    const paths = ['worker/utils.ts', 'cache/types/record.ts', 'api/type-check.ts', 'operator/helpers.ts'];
    assert.deepEqual(vagueNames(paths), [
      'worker/utils.ts has a name that says nothing',
      'cache/types/record.ts has a name that says nothing',
      'operator/helpers.ts has a name that says nothing',
    ]);
  });
});
