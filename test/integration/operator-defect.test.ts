import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { spawnOperator } from './operator-process.ts';

/** Nobody answers there: the operator waits for its lease. */
const KUBECONFIG = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'c',
  contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 't' } }],
});

/** As Redis clients do it, with the arguments of the command. */
const DEFECT =
  "setTimeout(() => Promise.reject(Object.assign(new Error('nobody caught it'), {command: {name: 'auth', args: [process.env.PASSWORD]}})), 1000)";

test('an error that nobody has caught ends the operator with its reason, and without what a client hung on it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-defect-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const kubeconfig = join(directory, 'kubeconfig');
  writeFileSync(kubeconfig, KUBECONFIG);
  const { child, output } = spawnOperator({
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(DEFECT)}`,
    PASSWORD: 's3cret',
    KUBECONFIG: kubeconfig,
    ORDERCACHE_INSTALLATION: 'test',
    ORDERCACHE_WORKER_IMAGE: 'localhost/order-cache-operator:test',
    ORDERCACHE_HTTP_PORT: '0',
    POD_NAME: 'operator',
    POD_NAMESPACE: 'test',
  });
  t.after(() => child.kill('SIGKILL'));
  const [code] = await once(child, 'close');
  assert.equal(code, 1);
  assert.match(output(), /nobody caught it/);
  assert.doesNotMatch(output(), /s3cret/);
});
