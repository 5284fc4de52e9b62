import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the cluster keeps things and which addresses it uses. Nothing here touches the disk. */

const ofUser = (variable: string, fallback: string): string =>
  join(process.env[variable] || join(homedir(), fallback), 'order-cache-operator');

/** Kept by `down`: built programs, base images, downloaded packages. */
export const cacheDir = ofUser('XDG_CACHE_HOME', '.cache');

/** Removed by `down`: keys, etcd's data, containerd's images, logs, process ids. */
export const stateDir = join(ofUser('XDG_STATE_HOME', join('.local', 'state')), 'cluster');

/** Sockets and containerd's live state, gone after a reboot. Short, because a socket's path has 107 bytes. */
export const runDir = '/run/order-cache-operator';

export const inState = (...path: string[]): string => join(stateDir, ...path);

export const kubeconfigPath = inState('kubeconfig');
export const containerdSocket = join(runDir, 'containerd.sock');

export const kubernetesVersion = 'v1.35.4';
export const nodeName = 'order-cache-node';

/** Also the cgroup under which every pod runs and the nft table of this cluster. */
export const ownName = 'order-cache-operator';

/** The node's address sits on a bridge of its own: a kubelet refuses loopback, and the host's may change. */
export const bridge = 'oco0';
export const nodeAddress = '10.240.0.1';
export const podCidr = '10.244.0.0/16';
export const serviceCidr = '10.96.0.0/16';
export const apiServiceAddress = '10.96.0.1';
export const apiPort = 6443;
export const clusterDomain = 'cluster.local';
