import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { anchors, fences, links, PAGES, ROOT, read, withoutFences, words } from '../fixtures/docs-pages.ts';

/** Where a link of a page leads, from the root; undefined: elsewhere in the world. */
function target(page: string, link: string): { path: string; anchor: string } | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = '', anchor = ''] = link.split('#');
  return { path: path === '' ? page : normalize(join(dirname(page), path)), anchor };
}

function isDead(page: string, link: string): boolean {
  const found = target(page, link);
  if (found === undefined) return false;
  if (!existsSync(join(ROOT, found.path))) return true;
  return found.anchor !== '' && !anchors(read(found.path)).has(found.anchor);
}

/** Files of the project that code in a text names: with a directory, and maybe a pattern. */
function namedFiles(text: string): string[] {
  const path =
    /^(api|build|cache|cdk8s|charts|demo|docs|install|maintenance|operator|publisher|test|worker)\/\S*$/;
  const code = [...words(text), ...fences(text).map(({ content }) => content)];
  const named = code.flatMap((each) => each.split(/[\s='"()]+/));
  return named
    .map((word) => word.replace(/^[\w.-]+\.test\.ts$/, 'test/*/$&'))
    .filter((word) => path.test(word));
}

const sources = globSync(
  '{api,build,cache,cdk8s,demo,maintenance,operator,publisher,test,worker,docs/examples}/**/*.ts',
  { cwd: ROOT },
).filter((path) => !path.includes('node_modules'));

describe('the pages of the documentation', () => {
  for (const page of PAGES) {
    it(`${page} links to what exists`, () => {
      assert.deepEqual(
        links(read(page)).filter((link) => isDead(page, link)),
        [],
      );
    });

    it(`${page} names files and make targets that exist`, () => {
      const text = read(page);
      const missing = namedFiles(text).filter((path) => globSync(path, { cwd: ROOT }).length === 0);
      const targets = [...text.matchAll(/(?:`|^)make ([a-z0-9]+)/gm)].map(([, name = '']) => name);
      const makefile = read('Makefile');
      const unknown = targets.filter(
        (name) => !new RegExp(`^([a-z0-9 ]+ )?${name}( [a-z0-9 ]+)?:`, 'm').test(makefile),
      );
      assert.deepEqual([missing, unknown], [[], []]);
    });
  }

  it('are all reached from README.md', () => {
    const reached = new Set(['README.md']);
    for (const page of reached) {
      if (!page.endsWith('.md')) continue;
      for (const link of links(read(page))) {
        const path = target(page, link)?.path ?? page;
        for (const each of path.endsWith('/') ? globSync(`${path}*.md`, { cwd: ROOT }) : [path])
          reached.add(each);
      }
    }
    const isReached = (page: string) => reached.has(page) || reached.has(dirname(page));
    assert.deepEqual(
      PAGES.filter((page) => !isReached(page)),
      ['test/cluster/README.md'],
    );
  });

  it('are there where a source file names them', () => {
    const named = sources.flatMap((path) =>
      [...read(path).matchAll(/\bdocs\/[\w./-]+\.(?:md|ts|yaml|sql)\b/g)].map(([name]) => ({ path, name })),
    );
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter(({ name }) => !existsSync(join(ROOT, name))),
      [],
    );
  });

  it('have no heading twice, which no link could tell apart', () => {
    const twice = PAGES.filter((page) => {
      const headings = withoutFences(read(page)).match(/^#+ .*$/gm) ?? [];
      return page !== 'CHANGELOG.md' && headings.length !== anchors(read(page)).size;
    });
    assert.deepEqual(twice, []);
  });
});
