import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';

/** `make` says what the machine lacks before it calls npm. */

const root = join(import.meta.dirname, '../..');
const place = mkdtempSync(join(tmpdir(), 'order-cache-prerequisites-'));
after(() => rmSync(place, { recursive: true }));

const DOCKER = 'start Docker (kind is used then), or name a cluster of yours: CONTEXT=name';
const ASK_REDIS =
  'redis-server is not here: install redis-server 7 (each test starts, freezes and kills its own)';
const ASK_POSTGRES = 'postgresql is not here: start Docker, or install PostgreSQL, or set TEST_DATABASE_URI';

/** A machine whose PATH has these programs and nothing else. Those of coreutils are the real ones. */
const REAL = ['sh', 'bash', 'dirname', 'sed', 'grep', 'ls', 'sort', 'tail', 'touch', 'cat', 'echo'];
const EVERYTHING: Readonly<Record<string, string>> = {
  id: 'echo 0',
  uname: 'test "$1" = -sm && echo Linux x86_64 || echo Linux',
  node: 'echo v24.21.0',
  npm: `echo "$@" >> ${join(place, 'npm-was-called')}`,
  tar: '',
  git: '',
  flock: '',
  'apt-get': `echo "$@" >> ${join(place, 'apt-was-called')}`,
};

interface Machine {
  readonly without?: readonly string[];
  readonly having?: Readonly<Record<string, string>>;
  readonly system?: string;
}

let machines = 0;

/** Lines on stderr and the exit code of `make` there; `npm` and `apt-get` leave a file when they are called. */
function make(target: string, { without = [], having = {}, system = 'ID=debian\nVERSION_ID="12"' }: Machine) {
  const machine = join(place, `machine-${machines++}`);
  const project = join(machine, 'project');
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(machine, path)), { recursive: true });
    writeFileSync(join(machine, path), text, { mode });
  };
  write('etc/os-release', system);
  write('bin/none', '');
  for (const name of REAL) {
    const real = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(existsSync);
    if (real !== undefined) symlinkSync(real, join(machine, 'bin', name));
  }
  const programs = Object.entries({ ...EVERYTHING, ...having }).filter(([name]) => !without.includes(name));
  for (const [name, lines] of programs) write(`bin/${name}`, `#!/bin/sh\n${lines}\n`, 0o755);
  mkdirSync(join(project, 'build'), { recursive: true });
  for (const file of ['Makefile', 'package.json', 'build/node.sh', 'build/prerequisites.sh'])
    copyFileSync(join(root, file), join(project, file));
  for (const file of ['package-lock.json', 'test/node/package.json']) write(`project/${file}`, '{}');
  const { status, stderr } = spawnSync('/usr/bin/make', ['--silent', target], {
    cwd: project,
    env: { PATH: join(machine, 'bin'), MACHINE: machine, HOME: machine },
    encoding: 'utf8',
  });
  return { failed: status !== 0, lines: stderr.split('\n').filter((line) => line.startsWith('missing')) };
}

const BY_USER = { id: 'echo 1000' };
const WITH_DOCKER = { docker: '', 'redis-server': '', openssl: '', kubectl: '', kind: '', helm: '' };
const GO =
  'missing: go: builds kind, kubectl and helm, which it fetches as modules: https://go.dev/dl/ or apt-get install golang-go';

const MISSING: readonly [name: string, target: string, machine: Machine, lines: readonly string[]][] = [
  [
    'npm and node',
    'lint',
    { without: ['npm', 'node'] },
    [
      'missing: npm: installs the packages of package-lock.json: Node 24 from https://nodejs.org brings it; so does apt-get install npm',
      'missing: node: runs npm: Node 24 from https://nodejs.org brings it; so does apt-get install npm',
    ],
  ],
  [
    'a Node that is new enough, on Apple silicon',
    'lint',
    { having: { uname: 'echo Darwin arm64', node: 'echo v20.20.2' } },
    [
      'missing: node: expected 22.19 or later in PATH, got v20.20.2; npm has none for Darwin arm64: install Node 24',
    ],
  ],
  [
    'git',
    'mutants',
    { without: ['git'] },
    ['missing: git: lists the files that the mutants copy: apt-get install git'],
  ],
  [
    'flock and tar',
    'servers',
    { without: ['flock', 'tar'] },
    [
      'missing: tar: unpacks the package in its test: apt-get install tar',
      'missing: flock: one process starts the servers: apt-get install util-linux',
    ],
  ],
  [
    'root, Docker and servers',
    'test',
    { having: BY_USER },
    [
      `missing: redis: ${ASK_REDIS}`,
      `missing: postgres: ${ASK_POSTGRES}`,
      'missing: rabbitmq: rabbitmq-server is not here: start Docker, or install RabbitMQ, or set TEST_AMQP_URI and TEST_AMQP_MANAGEMENT_URI',
      'missing: openssl: makes certificates for Redis with TLS: apt-get install openssl',
      'missing: python3: runs the second reader: apt-get install python3, or name one in TEST_PYTHON',
      `missing: Kubernetes: not root: the one-node Kubernetes without Docker needs it: run as root, ${DOCKER}`,
      GO,
    ],
  ],
  ['go, with Docker', 'demo', { having: { ...BY_USER, docker: '' } }, [GO]],
  [
    'Docker on Ubuntu',
    'cluster',
    { system: 'ID=ubuntu\nVERSION_ID="24.04"', having: { go: '' } },
    [
      `missing: Kubernetes: ubuntu 24.04 without Docker: the one-node Kubernetes is made of Debian 12's packages: ${DOCKER}`,
    ],
  ],
];

describe('make says what is missing', () => {
  for (const [name, target, machine, lines] of MISSING)
    it(`${name}: make ${target} fails before it calls npm or apt-get`, () => {
      assert.deepEqual(make(target, machine), { failed: true, lines });
      assert.deepEqual(
        [existsSync(join(place, 'npm-was-called')), existsSync(join(place, 'apt-was-called'))],
        [false, false],
      );
    });

  it('calls npm where nothing is missing: root on Debian 12; a user with Docker', () => {
    const user = { without: ['apt-get'], having: { ...BY_USER, ...WITH_DOCKER } };
    for (const machine of [{}, user]) {
      rmSync(join(place, 'npm-was-called'), { force: true });
      const target = machine === user ? 'demo' : 'test';
      assert.deepEqual(make(target, machine).lines, []);
      assert.ok(existsSync(join(place, 'npm-was-called')), target);
    }
  });
});
