import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { run, searchEnvironment } from './command.ts';
import { apiServiceAddress, clusterDomain, inState, nodeAddress, nodeName } from './layout.ts';

/** One certificate authority for everything; each identity is a common name with groups, as Kubernetes reads them. */
interface Identity {
  readonly commonName: string;
  readonly group?: string;
  /** subjectAltName of those that are also servers. */
  readonly names?: string;
}

const apiServerNames = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  `kubernetes.default.svc.${clusterDomain}`,
  'localhost',
];

const identities = {
  etcd: { commonName: 'etcd', names: `IP:${nodeAddress}` },
  apiserver: {
    commonName: 'kube-apiserver',
    names: [
      ...apiServerNames.map((name) => `DNS:${name}`),
      `IP:${nodeAddress}`,
      `IP:${apiServiceAddress}`,
    ].join(),
  },
  'apiserver-kubelet-client': { commonName: 'kube-apiserver-kubelet-client', group: 'system:masters' },
  admin: { commonName: 'order-cache-admin', group: 'system:masters' },
  'controller-manager': { commonName: 'system:kube-controller-manager' },
  scheduler: { commonName: 'system:kube-scheduler' },
  kubelet: {
    commonName: `system:node:${nodeName}`,
    group: 'system:nodes',
    names: `DNS:${nodeName},IP:${nodeAddress}`,
  },
  'kube-proxy': { commonName: 'system:kube-proxy' },
} as const satisfies Record<string, Identity>;

export type IdentityName = keyof typeof identities;

const pki = (file: string): string => inState('pki', file);
export const certificateOf = (name: IdentityName): string => pki(`${name}.crt`);
export const keyOf = (name: IdentityName): string => pki(`${name}.key`);
export const authorityPath = (): string => pki('ca.crt');
export const serviceAccountKey = (): string => pki('service-accounts.key');

/** The system's openssl.cnf would add extensions that contradict ours. */
const ownConfiguration = '[req]\ndistinguished_name = empty\n[empty]\n';

const openssl = (...args: string[]): Promise<string> =>
  run('openssl', args, { env: { ...searchEnvironment, OPENSSL_CONF: pki('openssl.cnf') } });

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '3650'];

function makeAuthority(): Promise<string> {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,digitalSignature'];
  const files = ['-keyout', pki('ca.key'), '-out', pki('ca.crt')];
  const subject = ['-subj', '/CN=order-cache-test-cluster'];
  return openssl(
    'req',
    '-x509',
    ...newKey,
    ...subject,
    ...extensions.flatMap((e) => ['-addext', e]),
    ...files,
  );
}

function makeCertificate(name: IdentityName): Promise<string> {
  const identity: Identity = identities[name];
  const group = identity.group === undefined ? '' : `/O=${identity.group}`;
  const extensions = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth'];
  if (identity.names !== undefined) extensions.push(`subjectAltName=${identity.names}`);
  const signer = ['-CA', pki('ca.crt'), '-CAkey', pki('ca.key')];
  const subject = ['-subj', `${group}/CN=${identity.commonName}`];
  const files = ['-keyout', keyOf(name), '-out', certificateOf(name)];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  return openssl('req', '-x509', ...newKey, ...signer, ...subject, ...added, ...files);
}

/** Makes what is missing: the authority, a certificate and key for each identity, the service accounts' key. */
export async function ensureCertificates(): Promise<void> {
  mkdirSync(inState('pki'), { recursive: true, mode: 0o700 });
  writeFileSync(pki('openssl.cnf'), ownConfiguration);
  if (!existsSync(authorityPath())) await makeAuthority();
  const names = Object.keys(identities) as IdentityName[];
  await Promise.all(names.filter((name) => !existsSync(certificateOf(name))).map(makeCertificate));
  if (!existsSync(serviceAccountKey())) await openssl('genrsa', '-out', serviceAccountKey(), '2048');
}
