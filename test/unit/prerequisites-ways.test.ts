import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

/** Where `build/prerequisites.sh` takes Kubernetes and the tests' servers from, on which machine. */

const script = join(import.meta.dirname, '../../build/prerequisites.sh');

const DOCKER = 'start Docker (kind is used then), or name a cluster of yours: CONTEXT=name';
const ASK_REDIS =
  'redis-server is not here: install redis-server 7 (each test starts, freezes and kills its own)';
const ASK_POSTGRES = 'postgresql is not here: start Docker, or install PostgreSQL, or set TEST_DATABASE_URI';

type Row = readonly [...facts: string[], decision: string];

/** CONTEXT, Docker, system, user id, WSL. */
const CLUSTER: readonly Row[] = [
  ['mine', 'docker', 'debian 12', '0', '', 'context'],
  ['mine', '', 'macOS', '501', '', 'context'],
  ['', 'docker', 'debian 12', '0', '', 'kind'],
  ['', 'docker', 'ubuntu 24.04', '1000', '', 'kind'],
  ['', 'docker', 'ubuntu 24.04', '1000', 'WSL', 'kind'],
  ['', 'docker', 'macOS', '501', '', 'kind'],
  ['', '', 'debian 12', '0', '', 'components'],
  [
    '',
    '',
    'debian 12',
    '1000',
    '',
    `not root: the one-node Kubernetes without Docker needs it: run as root, ${DOCKER}`,
  ],
  [
    '',
    '',
    'debian 12',
    '0',
    'WSL',
    `WSL without Docker: the one-node Kubernetes was never run there: ${DOCKER}`,
  ],
  ['', '', 'macOS', '501', '', `macOS has no Kubernetes without Docker: ${DOCKER}`],
  ...['ubuntu 24.04', 'debian 13', 'fedora 43'].map(
    (system): Row => [
      '',
      '',
      system,
      '0',
      '',
      `${system} without Docker: the one-node Kubernetes is made of Debian 12's packages: ${DOCKER}`,
    ],
  ),
];

/** Server, its program, Docker, system, user id. */
const SERVERS: readonly Row[] = [
  ['redis', '/usr/bin/redis-server', '', 'fedora 43', '1000', 'process /usr/bin/redis-server'],
  ['redis', '', '', 'debian 12', '0', 'install redis-server'],
  ['redis', '', 'docker', 'ubuntu 24.04', '1000', ASK_REDIS],
  ['postgres', '/opt/bin/postgres', 'docker', 'debian 12', '0', 'process /opt/bin/postgres'],
  ['postgres', '', '', 'ubuntu 24.04', '0', 'install postgresql'],
  ['postgres', '', 'docker', 'debian 12', '0', 'install postgresql'],
  ['postgres', '', 'docker', 'debian 12', '1000', 'container'],
  ['postgres', '', 'docker', 'fedora 43', '0', 'container'],
  ['postgres', '', '', 'ubuntu 24.04', '1000', ASK_POSTGRES],
  ['rabbitmq', '', 'docker', 'arch ', '1000', 'container'],
  [
    'rabbitmq',
    '/opt/homebrew/bin/rabbitmq-server',
    'docker',
    'macOS',
    '501',
    "macOS: the tests' servers need Linux: use the dev container (.devcontainer)",
  ],
];

function decision(kind: 'cluster_way' | 'server_way', facts: readonly string[]): string {
  const { stdout, stderr } = spawnSync('/bin/sh', [script, 'decide', kind, ...facts], { encoding: 'utf8' });
  return `${stdout}${stderr}`.trim();
}

describe('where things come from', () => {
  for (const [kind, table] of [
    ['cluster_way', CLUSTER],
    ['server_way', SERVERS],
  ] as const)
    for (const row of table) {
      const facts = row.slice(0, -1);
      it(`${kind} of ${facts.map((fact) => fact || '-').join(', ')}`, () => {
        assert.equal(decision(kind, facts), row.at(-1));
      });
    }
});
