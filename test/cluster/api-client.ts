import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { authorityPath, certificateOf, keyOf } from './certificates.ts';
import { apiPort, nodeAddress, nodeName } from './layout.ts';

/** Asks the API server as administrator; within 3 s. Throws when it does not answer 200. */
function get(path: string): Promise<string> {
  const tls = {
    ca: readFileSync(authorityPath()),
    cert: readFileSync(certificateOf('admin')),
    key: readFileSync(keyOf('admin')),
  };
  const target = { host: nodeAddress, port: apiPort, path, agent: false, timeout: 3_000, ...tls };
  return new Promise((resolve, reject) => {
    const call = request(target, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(parts).toString();
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`GET ${path}: ${response.statusCode} ${body.slice(0, 300)}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`GET ${path}: no answer within 3 s`)));
    call.on('error', reject);
    call.end();
  });
}

export const apiServerReady = (): Promise<boolean> => get('/readyz').then((body) => body === 'ok');

interface NodeObject {
  readonly spec?: { readonly taints?: readonly { readonly key: string }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Ready, and no taint left that would keep pods away. */
export async function nodeReady(): Promise<boolean> {
  const node: NodeObject = JSON.parse(await get(`/api/v1/nodes/${nodeName}`));
  const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  return ready === true && (node.spec?.taints ?? []).length === 0;
}

export const defaultServiceAccountExists = (): Promise<boolean> =>
  get('/api/v1/namespaces/default/serviceaccounts/default').then(() => true);
