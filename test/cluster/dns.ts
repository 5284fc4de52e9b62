import { readFileSync } from 'node:fs';
import { binary } from './binaries.ts';
import { until } from './command.ts';
import { ensureDaemon, mustRun, writeConfiguration } from './daemons.ts';
import { clusterDomain, kubeconfigPath, nodeAddress } from './layout.ts';

/**
 * CoreDNS as a process on the node's address, where the kubelet sends every pod: one image and one pod less,
 * and names resolve before the first pod starts. It reads the cluster as administrator.
 */
const upstream = (): string =>
  /^nameserver\s/m.test(readFileSync('/etc/resolv.conf', 'utf8'))
    ? '  forward . /etc/resolv.conf { max_concurrent 100 }\n'
    : '';

const corefile = (): string => `.:53 {
  bind ${nodeAddress}
  errors
  health ${nodeAddress}:8080
  ready ${nodeAddress}:8181
  kubernetes ${clusterDomain} in-addr.arpa {
    kubeconfig ${kubeconfigPath}
    fallthrough in-addr.arpa
    ttl 5
  }
${upstream().replace(' { ', ' {\n    ').replace(' }', '\n  }')}  cache 5
}
`;

export async function ensureDns(): Promise<void> {
  const file = writeConfiguration('Corefile', corefile());
  await ensureDaemon({
    name: 'coredns',
    command: binary('coredns'),
    args: ['-conf', file],
    configuration: corefile(),
  });
}

export const dnsBecomesReady = (): Promise<void> =>
  until('CoreDNS is ready', 30_000, async () => {
    mustRun('coredns');
    const answer = await fetch(`http://${nodeAddress}:8181/ready`, { signal: AbortSignal.timeout(1_000) });
    return answer.ok;
  });
