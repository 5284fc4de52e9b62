import { randomUUID } from 'node:crypto';
import { customResourceDefinition } from '../../api/crd.ts';
import { PLURAL } from '../../api/names.ts';
import { run } from '../cluster/command.ts';
import { ensureCluster } from '../cluster/index.ts';
import { eventually } from './operator-scene.ts';

/** kubectl as a user calls it, on the real API server. Throws with what kubectl said. */
export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

export async function openKubectl(): Promise<Kubectl> {
  const { kubectl, kubeconfig } = await ensureCluster();
  return (args, input = '') =>
    run(kubectl, ['--kubeconfig', kubeconfig, ...args], { input, deadlineMs: 180_000 });
}

const SERVER_SIDE = ['apply', '--server-side', '--force-conflicts', '--field-manager=test', '-f', '-'];

export function apply(kubectl: Kubectl, objects: readonly object[]): Promise<string> {
  return kubectl(SERVER_SIDE, list(objects));
}

/** Asks the API server what it would say: schema, defaults, rules, strict about unknown fields, and admission. */
export function dryRun(kubectl: Kubectl, objects: readonly object[]): Promise<string> {
  return kubectl([...SERVER_SIDE, '--dry-run=server', '--validate=strict', '-o', 'json'], list(objects));
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

export async function installDefinition(kubectl: Kubectl): Promise<void> {
  await apply(kubectl, [customResourceDefinition()]);
  const name = customResourceDefinition().metadata.name;
  await kubectl(['wait', '--for=condition=Established', `crd/${name}`, '--timeout=60s']);
  await eventually('the definition is served', () => kubectl(['get', PLURAL, '-A', '-o', 'name']), 60);
}

/** A namespace of the test's own, under Pod Security `restricted`; `remove` does not wait for its end. */
export async function makeNamespace(kubectl: Kubectl) {
  const name = `ocp-${randomUUID().slice(0, 8)}`;
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await apply(kubectl, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }]);
  return { name, remove: () => kubectl(['delete', 'namespace', name, '--wait=false']) };
}
