import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

/** The last line of a run over one file, and its exit code. */
async function run(t: TestContext, source: string): Promise<[string, number]> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-runner-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'some.test.mjs');
  writeFileSync(file, `import { test } from 'node:test';\n${source}`);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const runner = join(import.meta.dirname, '../run.ts');
  return new Promise((resolve) => {
    const options = { env, timeout: 60_000, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [runner, 'unit', file], options, (error, stdout) =>
      resolve([stdout.trimEnd().split('\n').at(-1) ?? '', Number(error?.code ?? 0)]),
    );
  });
}

const THOUSANDS = 'for (let n = 1; n <= 3000; n++) test(String(n), () => {});\n';

test('every result is counted, also of a file that leaves a handle open', async (t) => {
  assert.deepEqual(await run(t, `${THOUSANDS} setInterval(() => {}, 1000);`), ['3000 passed, 0 failed', 0]);
});

test('a failure among thousands of results fails the run', async (t) => {
  const failing = "test('the last', () => { throw new Error('it fails'); });";
  assert.deepEqual(await run(t, THOUSANDS + failing), ['3000 passed, 1 failed', 1]);
});

test('a file that cannot be loaded is a failure', async (t) => {
  assert.deepEqual(await run(t, 'throw new Error("it cannot be loaded");'), ['0 passed, 1 failed', 1]);
});
