import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publicServerImages } from '../cluster/cluster-kind.ts';
import { containers, runArguments } from '../servers/container.ts';
import { serverUris } from '../servers/settings.ts';

/** The command lines only: no Docker engine runs here. */

const publishedPorts = (args: readonly string[]): string[] =>
  args.flatMap((arg) => /^--publish=(.+):\d+$/.exec(arg)?.[1] ?? []);

describe('servers in containers', () => {
  for (const [name, container] of Object.entries(containers))
    it(`${name} is reached from this machine alone`, () => {
      const published = publishedPorts(runArguments(container));
      assert.ok(published.length > 0);
      assert.deepEqual(
        published.filter((port) => !port.startsWith('127.0.0.1:')),
        [],
      );
    });

  it('listen where the tests look for them', () => {
    const { amqpUri, managementUri, prometheusUri, databaseUri } = serverUris();
    const hosts = [databaseUri, amqpUri, managementUri, prometheusUri].map((uri) => new URL(uri).host);
    assert.deepEqual(
      Object.values(containers).flatMap((each) => publishedPorts(runArguments(each))),
      hosts,
    );
  });

  it('have the images that a cluster with public images uses, and the login of the tests', () => {
    for (const [name, container] of Object.entries(containers)) {
      assert.equal(container.image, publicServerImages[name as keyof typeof containers]);
      const { username, password } = new URL(serverUris().databaseUri);
      assert.deepEqual(Object.values(container.env).slice(0, 2), [username, password]);
    }
  });
});
