import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ORDER_ID_PATTERN } from '../../api/event.ts';
import { ttlTableKey } from '../../api/names.ts';
import { FIELDS } from '../../cache/keys.ts';
import { readFillReply, readLeaseReply } from '../../cache/outcomes.ts';
import { readerSettings } from '../../cache/reader-options.ts';
import { FILL } from '../../cache/scripts/fill.ts';
import { LEASE } from '../../cache/scripts/lease.ts';
import { decodeTtlTable, encodeTtlTable } from '../../cache/ttl-table.ts';

/** docs/protocol.md says what the code does. */

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/protocol.md'), 'utf8');

function section(heading: string): string {
  const [, text] = page.split(`\n## ${heading}\n`);
  assert.ok(text, `the page has no section ${heading}`);
  return text.split('\n## ')[0] ?? '';
}

function block(text: string, language: string): string {
  const found = new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``).exec(text)?.[1];
  assert.ok(found, `no ${language} block`);
  return found;
}

const firstCells = (text: string) => [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, cell]) => cell);

for (const [name, script] of Object.entries({ lease: LEASE, fill: FILL })) {
  test(`the page has the script ${name} as it is (else copy it from cache/scripts/${name}.ts)`, () => {
    assert.equal(block(section(name), 'lua'), script.trim());
  });
}

test('the page has each reply of the scripts, and no other', () => {
  const numbers = (text: string) => firstCells(text).filter((cell) => /^\d+$/.test(cell ?? ''));
  const known = (read: (reply: number) => unknown) => {
    const replies = [0, 1, 2, 3, 4, 5, 6, 7].filter((reply) => {
      try {
        read(reply);
        return true;
      } catch {
        return false;
      }
    });
    return replies.map(String);
  };
  assert.deepEqual(
    numbers(section('lease')),
    known((reply) => readLeaseReply(reply, 't')),
  );
  assert.deepEqual(numbers(section('fill')), known(readFillReply));
});

test('the page has each field of a key, and where the keys are', () => {
  const cells = firstCells(section('Keys and fields'));
  const keys = ['<keyPrefix><orderId>', ttlTableKey('<keyPrefix>')];
  assert.deepEqual(cells, [...keys, ...Object.values(FIELDS)]);
});

test('the page has the form of an order id', () => {
  assert.ok(section('Keys and fields').includes(`\`${ORDER_ID_PATTERN.source}\``));
});

test('the TTL table of the page is one, and its fields are all there', () => {
  const text = section('The TTL table, and the switch');
  const example = block(text, 'json');
  const table = decodeTtlTable(example);
  assert.ok(table);
  assert.equal(encodeTtlTable(table), example);
  for (const field of Object.keys(table)) assert.match(text, new RegExp(`\`${field}\``));
});

test('the page has the times of the library', () => {
  const { redisTimeoutMs, loadTimeoutMs, maxConcurrentLoads, maxWaitingLoads, waitForOthersMs } =
    readerSettings({ redis: { uri: 'redis://localhost' }, load: async () => null });
  const text = section('Timeouts');
  assert.match(text, new RegExp(`one answer of Redis \\| ${redisTimeoutMs} ms`));
  assert.match(text, new RegExp(`included \\| ${loadTimeoutMs / 1000} s`));
  assert.match(
    text,
    new RegExp(`\\| ${maxConcurrentLoads}; ${maxWaitingLoads.toLocaleString('en')} may wait`),
  );
  const lease = `the lease \\| ${loadTimeoutMs / 1000} s \\+ ${waitForOthersMs} ms \\+ 2 × ${redisTimeoutMs} ms \\+ 1 s`;
  assert.match(text, new RegExp(lease));
});

test('the rights of the page are those that the tests run readers with', () => {
  const rights = /^user readers.*$/m.exec(readFileSync(join(root, 'docs/rights.md'), 'utf8'))?.[0];
  assert.ok(rights);
  assert.equal(block(section('Rights'), ''), rights);
});
