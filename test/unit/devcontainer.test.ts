import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { ROOT, read } from '../fixtures/docs-pages.ts';

/** The dev container itself is not run: it needs Docker. */

const { features, onCreateCommand } = JSON.parse(read('.devcontainer/devcontainer.json')) as {
  features: Record<string, { version?: string }>;
  onCreateCommand: string;
};

const versionOf = (feature: string) => features[`ghcr.io/devcontainers/features/${feature}`]?.version;

test('the dev container has the Node of the image and the Go of the modules', () => {
  assert.equal(versionOf('node:1'), /node:(\d+)-/.exec(read('Containerfile'))?.[1]);
  const modules = globSync('test/cluster/tools/*/go.mod', { cwd: ROOT });
  const wanted = modules.map((file) => /^go (\d+\.\d+)/m.exec(read(file))?.[1]).sort();
  assert.equal(versionOf('go:1'), wanted.at(-1));
});

test('the dev container has a Docker engine, and what tests do not take from Docker', () => {
  assert.ok('ghcr.io/devcontainers/features/docker-in-docker:2' in features);
  for (const name of ['make', 'redis-server', 'openssl', 'python3'])
    assert.ok(onCreateCommand.includes(name), name);
});
