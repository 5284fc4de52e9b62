import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { customResourceDefinition } from '../../api/crd.ts';
import { parseRedisAddress } from '../../cache/address.ts';
import { accountsOf } from '../../demo/manifests-accounts.ts';
import { rolesSql } from '../../demo/manifests-postgres.ts';
import { rabbitmqDefinitions } from '../../demo/manifests-rabbitmq.ts';
import { redisAcl } from '../../demo/manifests-redis.ts';
import { parseManagementCredentials } from '../../operator/credentials.ts';
import { databaseCredentials, rabbitmqCredentials, type SecretFiles } from '../../worker/credentials.ts';
import { fence, read, rows, section, words } from '../fixtures/docs-pages.ts';

/** docs/rights.md says what the demo's accounts get; test/integration/demo-rights.test.ts runs everything with that. */

const page = read('docs/rights.md');
const accounts = accountsOf('seed', 'shop');
const part = (heading: string) => section(page, heading);

describe('docs/rights.md, RabbitMQ', () => {
  interface Definitions {
    readonly users: readonly { name: string; tags: string }[];
    readonly permissions: readonly { user: string; configure: string; write: string; read: string }[];
  }
  const { users, permissions }: Definitions = JSON.parse(rabbitmqDefinitions(accounts, 'shop'));
  const given = (account: string) => {
    const permission = permissions.find(({ user }) => user === account);
    assert.ok(permission);
    const { configure, write, read } = permission;
    return { tags: users.find(({ name }) => name === account)?.tags, configure, write, read };
  };
  const row = (account: string) => {
    const cells = rows(part('RabbitMQ')).find(([name]) => name?.startsWith(account));
    assert.ok(cells, `no row for ${account}`);
    const [, tags = '', ...rights] = cells;
    const [configure = '', write = '', read = ''] = rights.map((text) => words(text)[0] ?? text);
    return { tags, configure, write, read };
  };
  const names = (pattern: string) =>
    pattern
      .replace(/^\^\(|\)\$$/g, '')
      .split('|')
      .sort();

  it('gives workers what those of the demo have', () => {
    assert.deepEqual(row('workers'), given('worker'));
  });

  it('gives the operator what that of the demo has', () => {
    const { tags, configure, write, read } = given('operator');
    const told = row('operator');
    assert.deepEqual({ tags: told.tags, configure: told.configure }, { tags, configure });
    const cells = rows(part('RabbitMQ')).find(([name]) => name?.startsWith('operator'));
    assert.deepEqual(cells?.slice(3), ['these, and `amq.default`', 'these, and the observed exchanges']);
    assert.deepEqual(names(write), [...names(configure), 'amq\\.default'].sort());
    assert.deepEqual(names(read), [...names(configure), 'mes'].sort());
  });

  for (const account of ['mes', 'crm'])
    it(`gives ${account} its own exchange`, () => {
      assert.deepEqual(given(account), { ...row('MES, CRM'), write: `^${account}$` });
      assert.equal(row('MES, CRM').write, 'their own exchange');
    });
});

describe('docs/rights.md, Redis', () => {
  const lines = redisAcl(accounts, 'order:').split('\n');
  const told = fence(part('Redis'), '').trim().split('\n');
  const shown = (line: string) => line.replace(/ +on /, ' on ');

  for (const account of ['worker', 'readers'])
    it(`gives ${account} what those of the demo have`, () => {
      const line = lines.find((each) => each.startsWith(`user ${account} `))?.replace(/#[0-9a-f]{64}/, '...');
      assert.ok(line);
      assert.ok(told.map(shown).includes(line), `expected ${line}`);
    });

  it('has no other account', () => assert.equal(told.length, 2));
});

describe('docs/rights.md, PostgreSQL', () => {
  const granted = (account: string) =>
    [...rolesSql(accounts).matchAll(/^GRANT (.+) ON (?:DATABASE )?\w+ TO (\w+);$/gm)].flatMap(
      ([, privilege = '', to]) => (to === account ? privilege : []),
    );

  for (const account of ['worker', 'readers'])
    it(`gives ${account} what those of the demo have`, () => {
      const sentence = /^Workers and readers: (.*?)\. /.exec(part('PostgreSQL').trim())?.[1] ?? '';
      assert.deepEqual(words(sentence), granted(account));
    });
});

describe('docs/rights.md, the Secrets', () => {
  /** Throws for what is not usable. */
  const readers: Record<string, (files: SecretFiles) => unknown> = {
    'rabbitmq.connectionSecretRef': rabbitmqCredentials,
    'rabbitmq.managementSecretRef': (files) => {
      const parsed = parseManagementCredentials({ ...files, uri: 'amqp://rabbitmq.shop.svc' });
      if (parsed.kind === 'Problem') throw new Error(parsed.message);
    },
    'redis.connectionSecretRef': ({ uri = '' }) => parseRedisAddress({ uri }),
    'database.connectionSecretRef': databaseCredentials,
  };
  const table = rows(part('The Secrets'));

  it('are all that a policy can name', () => {
    const { schema } = customResourceDefinition().spec.versions[0] ?? {};
    const text = JSON.stringify(schema);
    const fields = new Set(text.match(/(?<=")\w+SecretRef(?=":)/g));
    const told = table.flatMap(([names = '']) => words(names));
    assert.deepEqual(new Set(told.map((name) => name.split('.')[1])), fields);
  });

  for (const [names = '', keys = '', examples = ''] of table) {
    const [name = ''] = words(names);
    const key = words(keys).at(-1) ?? '';
    for (const example of words(examples))
      it(`${name} takes ${example}`, () => {
        const reader = readers[name];
        assert.ok(reader);
        const login = { username: 'operator', password: 'secret' };
        reader({ ...login, [key]: example });
        assert.throws(() => reader({ ...login, [key]: example.replace(/^\w+/, 'ftp') }));
      });
  }
});
