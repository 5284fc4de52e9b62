import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { binary } from './binaries.ts';
import { run, succeeds } from './command.ts';
import { ensureDaemon, writeConfiguration } from './daemons.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import { bridge, inState, nodeAddress, nodeName, ownName, podCidr, serviceCidr } from './layout.ts';

/**
 * The node's address on a bridge, a veth pair per pod (CNI plugin `ptp`), Services by kube-proxy's nftables mode.
 * Pods are routed, not bridged, so that a reply from a Service's pod passes the node and its address translation
 * whether or not br_netfilter is there.
 */
const cni = {
  cniVersion: '0.4.0',
  name: ownName,
  plugins: [
    {
      type: 'ptp',
      mtu: 1400,
      ipam: {
        type: 'host-local',
        dataDir: inState('cni-addresses'),
        ranges: [[{ subnet: podCidr }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
};

/** Traffic of pods to the outside leaves with the node's own address. */
const masquerade = `table ip ${ownName}
delete table ip ${ownName}
table ip ${ownName} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${podCidr} ip daddr != { ${podCidr}, ${serviceCidr}, ${nodeAddress} } masquerade
  }
}
`;

const ip = (...args: string[]): Promise<string> => run('ip', args);

/** Settings of the kernel that `up` or the kubelet changes, each with its value before the first `up`. */
const kernelSettings = [
  'net/ipv4/ip_forward',
  'kernel/panic',
  'kernel/panic_on_oops',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
];
const savedSettings = (): string => inState('kernel-settings.json');

function rememberKernelSettings(): void {
  const values = kernelSettings.map((name) => [name, readFileSync(`/proc/sys/${name}`, 'utf8').trim()]);
  try {
    writeFileSync(savedSettings(), JSON.stringify(values), { flag: 'wx' });
  } catch {
    // an earlier `up` has saved them
  }
}

export function restoreKernelSettings(): void {
  try {
    const saved: [string, string][] = JSON.parse(readFileSync(savedSettings(), 'utf8'));
    for (const [name, value] of saved) writeFileSync(`/proc/sys/${name}`, value);
  } catch {
    // never saved: `up` did not come so far
  }
}

/** Bridge, address, forwarding, masquerade and the CNI configuration. Again and again without harm. */
export async function ensureNetwork(): Promise<void> {
  rememberKernelSettings();
  if (!(await succeeds('ip', ['link', 'show', bridge]))) await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('address', 'replace', `${nodeAddress}/32`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  await ip('route', 'replace', serviceCidr, 'dev', bridge, 'src', nodeAddress);
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  await run('nft', ['-f', '-'], { input: masquerade });
  mkdirSync(inState('cni'), { recursive: true });
  writeFileSync(inState('cni', '10-pods.conflist'), JSON.stringify(cni, null, 2));
}

const proxyConfiguration = () => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  clientConnection: { kubeconfig: kubeconfigOf('kube-proxy') },
  clusterCIDR: podCidr,
  hostnameOverride: nodeName,
  nodePortAddresses: [`${nodeAddress}/32`],
  healthzBindAddress: `${nodeAddress}:10256`,
  metricsBindAddress: `${nodeAddress}:10249`,
  oomScoreAdj: 0,
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  nftables: { minSyncPeriod: '200ms', syncPeriod: '30s' },
});

export async function ensureServiceProxy(): Promise<void> {
  const contents = JSON.stringify(proxyConfiguration(), null, 2);
  const file = writeConfiguration('kube-proxy.json', contents);
  const args = [`--config=${file}`];
  await ensureDaemon({ name: 'kube-proxy', command: binary('kube-proxy'), args, configuration: contents });
}

export async function removeNetwork(): Promise<void> {
  for (const [family, table] of [
    ['ip', ownName],
    ['ip', 'kube-proxy'],
    ['ip6', 'kube-proxy'],
  ] as const)
    await succeeds('nft', ['delete', 'table', family, table]);
  await succeeds('ip', ['link', 'delete', bridge]);
  restoreKernelSettings();
}
