import assert from 'node:assert/strict';
import { workerTemplate } from '../../operator/desired-pod.ts';
import { policyWith } from '../unit/operator-policy.ts';

/** A stand-in for a platform that assigns users to pods, and pods that live with that. */

const INSTALLATION = {
  imagePullPolicy: undefined,
  imagePullSecrets: [],
  serviceAccountAnnotations: {},
  logLevel: 'info',
} as const;

/** As OpenShift refuses what is outside of the range of the namespace. */
export function refusalOfChosenUsers(name: string, refusing: readonly string[]): object[] {
  const contexts = (field: string) =>
    `object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.${field}))`;
  const ofPod = (field: string) =>
    `!has(object.spec.securityContext) || !has(object.spec.securityContext.${field})`;
  const fields = ['runAsUser', 'runAsGroup'];
  const rules = [...fields, 'fsGroup'].map(ofPod).concat(fields.map(contexts));
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name };
  const namespaces = {
    matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: refusing }],
  };
  const pods = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  return [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { namespaceSelector: namespaces, resourceRules: [pods] },
        validations: rules.map((expression) => ({ expression, message: 'the platform chooses the user' })),
      },
    },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

/** The pod of a worker, with or without an own choice of its user. */
export function podOf(image: string, namespace: string, fixedUserId: boolean): object {
  const policy = policyWith({ metadata: { namespace } });
  const installation = { ...INSTALLATION, image, fixedUserId };
  const { metadata, spec } = workerTemplate(policy, installation, 'hash');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: 'worker', namespace },
    spec: { ...spec, serviceAccountName: 'default' },
  };
}

export const ASSIGNED = 1_000_680_000;

/** What the pod mounts. The content of each file is the name of its Secret. */
export function readerFiles(namespace: string): object[] {
  const secrets = ['rabbitmq', 'redis', 'orders-db'].map((name) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { uri: name },
  }));
  const metadata = { name: 'orders-cache-sync', namespace };
  return [...secrets, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'config.json': '{}' } }];
}

const READ = `
const { readdirSync, readFileSync, statSync } = require('node:fs');
const read = readdirSync('/etc/ordercache', { recursive: true })
  .filter((path) => !path.includes('..'))
  .map((path) => '/etc/ordercache/' + path)
  .filter((path) => statSync(path).isFile())
  .map((path) => readFileSync(path, 'utf8'))
  .sort();
console.log(JSON.stringify({ user: process.getuid(), read }));
`;

/** The pod of a worker that reads its files and ends, as a user and group that the platform has chosen. */
export function readerOf(image: string, namespace: string): object {
  const policy = policyWith({ metadata: { namespace } });
  const { spec } = workerTemplate(policy, { ...INSTALLATION, image, fixedUserId: false }, 'hash');
  assert.ok(spec);
  const containers = spec.containers.map(({ name, image: from, securityContext, volumeMounts }) => ({
    name,
    image: from,
    securityContext,
    volumeMounts,
    command: ['node', '-e', READ],
  }));
  const securityContext = { ...spec.securityContext, runAsUser: ASSIGNED, runAsGroup: ASSIGNED };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'reader', namespace },
    spec: {
      ...spec,
      containers,
      securityContext,
      serviceAccountName: 'default',
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
    },
  };
}
