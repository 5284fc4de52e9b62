import { readFileSync, writeFileSync } from 'node:fs';
import { authorityPath, certificateOf, type IdentityName, keyOf } from './certificates.ts';
import { apiPort, inState, kubeconfigPath, nodeAddress, ownName } from './layout.ts';

const base64 = (path: string): string => readFileSync(path).toString('base64');

/** Self-contained, so that the file can be copied. */
function contents(identity: IdentityName): string {
  return `apiVersion: v1
kind: Config
current-context: ${ownName}
clusters:
  - name: ${ownName}
    cluster:
      server: https://${nodeAddress}:${apiPort}
      certificate-authority-data: ${base64(authorityPath())}
contexts:
  - name: ${ownName}
    context: {cluster: ${ownName}, user: ${identity}}
users:
  - name: ${identity}
    user:
      client-certificate-data: ${base64(certificateOf(identity))}
      client-key-data: ${base64(keyOf(identity))}
`;
}

export const kubeconfigOf = (identity: IdentityName): string =>
  identity === 'admin' ? kubeconfigPath : inState('pki', `${identity}.kubeconfig`);

export function writeKubeconfigs(): void {
  for (const identity of ['admin', 'controller-manager', 'scheduler', 'kubelet', 'kube-proxy'] as const)
    writeFileSync(kubeconfigOf(identity), contents(identity), { mode: 0o600 });
}
