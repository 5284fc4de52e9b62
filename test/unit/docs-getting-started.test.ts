import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Account, accountsOf } from '../../demo/manifests-accounts.ts';
import { rolesSql } from '../../demo/manifests-postgres.ts';
import { rabbitmqDefinitions } from '../../demo/manifests-rabbitmq.ts';
import { redisAcl } from '../../demo/manifests-redis.ts';
import { fences, ROOT, read } from '../fixtures/docs-pages.ts';

/** docs/getting-started.md gives each account what docs/rights.md says, which docs-rights.test.ts compares with the demo. */

const commands = fences(read('docs/getting-started.md'))
  .map(({ content }) => content.replaceAll(/ *\\\n */g, ' '))
  .join('\n');
const accounts = accountsOf('seed', 'webshop');
const unquoted = (text: string) => text.replaceAll("'", '');

describe('docs/getting-started.md, RabbitMQ', () => {
  interface Definitions {
    readonly permissions: readonly { user: string; configure: string; write: string; read: string }[];
  }
  const { permissions }: Definitions = JSON.parse(rabbitmqDefinitions(accounts, 'webshop'));
  /** On the page the operator declares the exchange of MES, in the demo that of CRM. */
  const names = (pattern: string) => [...new Set(pattern.replace(/^\^\(|\)\$$/g, '').split('|'))];
  const asOnPage = (pattern: string) => names(pattern.replaceAll(/\bcrm\b/g, 'mes')).sort();

  const users: Record<string, Account> = {
    'order-cache-operator': 'operator',
    'order-cache-workers': 'worker',
    mes: 'mes',
  };
  for (const [user, account] of Object.entries(users))
    it(`gives ${user} the least rights`, () => {
      const [, ...patterns] =
        new RegExp(`set_permissions -p orders ${user} (\\S+) (\\S+) (\\S+)`).exec(commands) ?? [];
      const granted = permissions.find((each) => each.user === account);
      assert.ok(granted);
      const { configure, write, read } = granted;
      assert.deepEqual(
        patterns.map((pattern) => names(unquoted(pattern)).sort()),
        [configure, write, read].map(asOnPage),
      );
    });
});

describe('docs/getting-started.md, Redis', () => {
  const lines = redisAcl(accounts, 'order:').split('\n');
  for (const [user, account] of Object.entries({ 'order-cache': 'worker', shop: 'readers' }))
    it(`gives ${user} the least rights`, () => {
      const [, rules = ''] = new RegExp(`ACL SETUSER ${user} on \\S+ (.*)`).exec(commands) ?? [];
      const line = lines.find((each) => each.startsWith(`user ${account} `));
      assert.equal(unquoted(rules), line?.replace(/^user \w+ on #\w+ /, ''));
    });
});

describe('docs/getting-started.md, PostgreSQL', () => {
  const granted = (sql: string, account: string) =>
    [...sql.matchAll(/^GRANT (.+) TO (\w+);$/gm)].flatMap(([, right = '', to]) =>
      to === account ? right : [],
    );
  for (const [role, account] of Object.entries({ order_cache: 'worker', shop: 'readers' }))
    it(`gives ${role} the least rights`, () => {
      assert.deepEqual(granted(commands, role), granted(rolesSql(accounts), account));
    });
});

describe('docs/quickstart.md', () => {
  it('names a target of the Makefile', () => {
    const targets = fences(read('docs/quickstart.md')).flatMap(({ content }) => [
      ...content.matchAll(/^make (\w+)/gm),
    ]);
    assert.ok(targets.length > 0);
    const [makefile = ''] = globSync('Makefile', { cwd: ROOT }).map(read);
    for (const [, target] of targets) assert.match(makefile, new RegExp(`^${target}:`, 'm'));
  });
});
