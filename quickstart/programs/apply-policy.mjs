/**
 * Applies the policy of the file that is named, again and again until the API server accepts it.
 * Waits for the broker, whose address is named after it: an operator that finds none tries again later and later.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const account = '/var/run/secrets/kubernetes.io/serviceaccount';
const server = process.env.API_SERVER ?? 'https://kubernetes.default.svc';

async function accepts(address) {
  const [host, port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(5_000) });
  } finally {
    socket.destroy();
  }
}

async function apply(file) {
  const [body, token, namespace] = await Promise.all([
    readFile(file, 'utf8'),
    readFile(`${process.env.SERVICE_ACCOUNT ?? account}/token`, 'utf8'),
    readFile(`${process.env.SERVICE_ACCOUNT ?? account}/namespace`, 'utf8'),
  ]);
  const path = `/apis/ordercache.io/v1alpha1/namespaces/${namespace}/ordercachepolicies/orders`;
  const response = await fetch(`${server}${path}?fieldManager=quickstart&force=true`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/apply-patch+yaml' },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${response.status} ${(await response.text()).trim()}`);
}

async function untilDone(what, attempt) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      console.log(`${what}: not yet: ${error} ${error.cause ?? ''}`);
      await sleep(2_000);
    }
  }
}

const [, , file, broker] = process.argv;
await untilDone(`the broker accepts connections at ${broker}`, () => accepts(broker));
await untilDone('the policy is applied', () => apply(file));
console.log('the policy is applied');
