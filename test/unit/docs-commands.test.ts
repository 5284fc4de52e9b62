import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { describe, it } from 'node:test';
import { customResourceDefinition } from '../../api/crd.ts';
import { ABANDON_ANNOTATION, ADOPT_ANNOTATION, CATCH_UP_ANNOTATION, catchUpKey } from '../../api/names.ts';
import { inputCheck } from '../../cdk8s/input-check.ts';
import { installSchema } from '../../cdk8s/values-schema.ts';
import { fences, PAGES, ROOT, read } from '../fixtures/docs-pages.ts';

/** Commands of the pages, as far as they name what is ours; and where each snippet of a page is tested. */

/** By page and language. What has no language is a command or its output. */
const TESTED: Readonly<Record<string, string>> = {
  'README.md yaml': 'test/unit/docs-policies.test.ts',
  'README.md': 'test/unit/docs-commands.test.ts',
  'charts/order-cache-operator/README.md sh': 'test/unit/docs-commands.test.ts',
  'docs/confirmation.md json': 'test/unit/docs-reasons.test.ts',
  'docs/confirmation.md ts': 'test/integration/docs-code.test.ts',
  'docs/confirmation.md yaml': 'test/unit/docs-policies.test.ts',
  'docs/events.md http': 'test/unit/event-docs.test.ts',
  'docs/events.md json': 'test/unit/event-docs.test.ts',
  'docs/events.md yaml': 'test/unit/event-docs.test.ts',
  'docs/frameworks.md ts': 'test/integration/frameworks.test.ts',
  'docs/getting-started.md': 'test/pages/getting-started.test.ts',
  'docs/getting-started.md bash': 'test/pages/getting-started.test.ts',
  'docs/getting-started.md sh': 'test/pages/getting-started.test.ts',
  'docs/getting-started.md text': 'test/pages/getting-started.test.ts',
  'docs/model.md': 'test/unit/docs-model.test.ts',
  'docs/npm/cdk8s.md sh': 'test/unit/docs-commands.test.ts',
  'docs/npm/cdk8s.md ts': 'test/integration/examples-code.test.ts',
  'docs/npm/publisher.md ts': 'test/integration/examples-code.test.ts',
  'docs/npm/reader.md ts': 'test/integration/examples-code.test.ts',
  'docs/operations.md': 'test/unit/docs-commands.test.ts',
  'docs/other-languages.md': 'test/unit/docs-commands.test.ts',
  'docs/outbox.md sql': 'test/integration/outbox-docs.test.ts',
  'docs/protocol.md': 'test/unit/protocol-page.test.ts',
  'docs/protocol.md json': 'test/unit/protocol-page.test.ts',
  'docs/protocol.md lua': 'test/unit/protocol-page.test.ts',
  'docs/quickstart.md': 'test/unit/docs-getting-started.test.ts',
  'docs/quickstart.md sh': 'test/pages/quickstart.test.ts',
  'docs/quickstart.md text': 'test/pages/quickstart.test.ts',
  'docs/release.md sh': 'test/unit/release.test.ts',
  'docs/rights.md': 'test/unit/docs-rights.test.ts',
  'docs/rights.md sql': 'test/integration/worker-orders-write.test.ts',
  'docs/runbooks/catch-up.md': 'test/unit/docs-commands.test.ts',
  'docs/runbooks/not-ready.md': 'test/unit/docs-commands.test.ts',
  'docs/testing.md': 'test/unit/docs-links.test.ts',
  'test/cluster/README.md': 'test/unit/docs-links.test.ts',
};

/** Pictures, and code of languages that the tests do not have. */
const UNTESTED = [
  'docs/architecture.md mermaid',
  'docs/other-languages.md php',
  'docs/other-languages.md go',
];

const columns = customResourceDefinition().spec.versions[0]?.additionalPrinterColumns ?? [];
const mistakes = inputCheck(installSchema);

/** As Helm reads `--set`: `a.b=c`, `a[0].b=c`. A variable of the shell stands for itself. */
function valuesOf(command: string): unknown {
  const values: Record<string, unknown> = {};
  for (const [, path = '', value = ''] of command.matchAll(/--set ["']?([\w.[\]]+)=["']?\$?([^\s'"]+)/g)) {
    const [last = '', ...outer] = path.split('.').reverse();
    const inner = outer.reduce<unknown>(
      (made, name) => (name.endsWith('[0]') ? { [name.slice(0, -3)]: [made] } : { [name]: made }),
      { [last]: value },
    );
    Object.assign(values, inner);
  }
  return values;
}

const commands = (pattern: RegExp) =>
  PAGES.flatMap((page) =>
    fences(read(page)).flatMap(({ content }) =>
      [...content.replaceAll('\\\n', ' ').matchAll(pattern)].map(([command]) => ({ page, command })),
    ),
  );

describe('commands of the pages', () => {
  it('annotate policies as the operator reads it', () => {
    const found = commands(/^kubectl annotate ocp \S+ .*$/gm);
    const names = found.map(({ command }) => /(ordercache\.io\/[\w-]+)=/.exec(command)?.[1]);
    assert.deepEqual(names.sort(), [ABANDON_ANNOTATION, ADOPT_ANNOTATION, CATCH_UP_ANNOTATION].sort());
  });

  it('install the chart with values that it has', () => {
    const found = commands(/^helm (?:install|upgrade --install) .*$/gm);
    assert.ok(found.length > 0);
    for (const { page, command } of found) {
      const values = valuesOf(command);
      assert.ok(Object.keys(values as object).length > 0);
      assert.deepEqual(mistakes(values), [], page);
      const chart = /charts\/\S+/.exec(command)?.[0];
      assert.deepEqual(globSync(`${chart}/Chart.yaml`, { cwd: ROOT }), [`${chart}/Chart.yaml`]);
    }
  });

  it('build the image from a file that is there', () => {
    const files = commands(/docker build -f (\S+)/g).map(({ command }) => command.split(' ').at(-1) ?? '');
    assert.deepEqual(
      files.map((file) => globSync(file, { cwd: ROOT })),
      [['Containerfile']],
    );
  });

  it('delete the key in which the catch-up is kept', () => {
    const found = commands(/^redis-cli DEL .*$/gm).map(({ command }) => command);
    assert.deepEqual(found, [`redis-cli DEL ${catchUpKey('order:')}`]);
  });

  it('import the definition from a file that holds it', () => {
    const files = commands(/^cdk8s import (\S+)/gm).map(({ command }) => command.split(' ').at(-1) ?? '');
    assert.deepEqual(
      files.map((file) => read(file).includes(`name: ${customResourceDefinition().metadata.name}`)),
      [true],
    );
  });

  it('delete the definition by its name', () => {
    const names = commands(/^kubectl delete crd (\S+)$/gm).map(({ command }) => command.split(' ').at(-1));
    assert.deepEqual(names, [customResourceDefinition().metadata.name]);
  });

  it('show the columns that kubectl shows', () => {
    const heads = commands(/^NAME +READY .*$/gm).map(({ command }) => command.split(/ {2,}/));
    assert.ok(heads.length > 0);
    for (const head of heads) assert.deepEqual(head, ['NAME', ...columns.map(({ name }) => name)]);
  });
});

describe('each snippet of a page', () => {
  const found = PAGES.flatMap((page) =>
    fences(read(page)).map(({ language }) => `${page} ${language}`.trim()),
  );

  it('has a test', () => {
    assert.deepEqual([...new Set(found)].sort(), [...Object.keys(TESTED), ...UNTESTED].sort());
  });

  for (const [snippet, test] of Object.entries(TESTED))
    it(`${snippet} is read by ${test}`, () => {
      const [page = ''] = snippet.split(' ');
      const text = read(test);
      const name = page.split('/').at(-1) ?? '';
      assert.ok(text.includes(name) || text.includes('PAGES'), `${test} does not read ${page}`);
    });
});
