import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Manifest } from '../../cdk8s/manifests.ts';
import { Helm } from './helm.ts';

/** Each value of the chart that is not an installation's main matter: what changes in the rendered object. */

let helm: Helm;
let defaults: Manifest[];

before(async () => {
  helm = await Helm.open();
  defaults = helm.render({});
});

after(() => helm.close());

/** `<kind>[ <name>]`; the name only where there are several. */
type What = string;

function found(objects: readonly Manifest[], what: What): Manifest | undefined {
  const [kind, name] = what.split(' ');
  return objects.find(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
}

/** The value at a path whose parts are separated by spaces, since labels have dots. Undefined where it ends early. */
function at(object: unknown, path: string): unknown {
  return path
    .split(' ')
    .reduce<unknown>((inner, part) => (inner as Record<string, unknown> | undefined)?.[part], object);
}

const POD = 'spec template spec';
const CONTAINER = `${POD} containers 0`;
const NAME = 'order-cache-operator';
const SPREAD = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };

/** Values, an object, a path in it, what is there with the values and what is there without. */
const TABLE: readonly [values: object, what: What, path: string, given: unknown, byDefault: unknown][] = [
  [{ nameOverride: 'sync' }, 'Deployment', 'metadata name', `${NAME}-sync`, NAME],
  [{ fullnameOverride: 'cache' }, 'Deployment', 'metadata name', 'cache', NAME],
  [{ fullnameOverride: 'cache' }, 'Service', 'metadata name', 'cache-metrics', `${NAME}-metrics`],
  [{ commonLabels: { team: 'a' } }, 'Service', 'metadata labels team', 'a', undefined],
  [{ commonLabels: { team: 'a' } }, 'Deployment', 'spec template metadata labels team', 'a', undefined],
  [{ commonLabels: { team: 'a' } }, 'Deployment', 'spec selector matchLabels team', undefined, undefined],
  [{ commonLabels: { team: 'a' } }, 'CustomResourceDefinition', 'metadata labels team', 'a', undefined],
  [{ podLabels: { team: 'a' } }, 'Deployment', 'spec template metadata labels team', 'a', undefined],
  [{ podLabels: { team: 'a' } }, 'Deployment', 'metadata labels team', undefined, undefined],
  [{ podAnnotations: { a: 'b' } }, 'Deployment', 'spec template metadata annotations a', 'b', undefined],
  [{ priorityClassName: 'high' }, 'Deployment', `${POD} priorityClassName`, 'high', undefined],
  [
    { topologySpreadConstraints: [SPREAD] },
    'Deployment',
    `${POD} topologySpreadConstraints 0 topologyKey`,
    'zone',
    'kubernetes.io/hostname',
  ],
  [{ extraEnv: [{ name: 'A', value: 'b' }] }, 'Deployment', `${CONTAINER} env 12 value`, 'b', undefined],
  [
    { image: { pullPolicy: 'Always' } },
    'Deployment',
    `${CONTAINER} imagePullPolicy`,
    'Always',
    'IfNotPresent',
  ],
  [{ replicaCount: 1 }, 'Deployment', 'spec replicas', 1, 2],
  [{ podSecurityContext: { runAsUser: 7 } }, 'Deployment', `${POD} securityContext runAsUser`, 7, 65532],
  [
    { podSecurityContext: { runAsUser: null } },
    'Deployment',
    `${POD} securityContext runAsUser`,
    undefined,
    65532,
  ],
  [{ platform: { openshift: true } }, 'Deployment', `${POD} securityContext runAsUser`, undefined, 65532],
  [{ platform: { openshift: true } }, 'Deployment', `${POD} securityContext runAsNonRoot`, true, true],
  [{ platform: { openshift: true } }, 'Job', `${POD} securityContext runAsUser`, undefined, 65532],
  [{ platform: { openshift: true } }, 'Pod', 'spec securityContext runAsUser', undefined, 65532],
  [
    { securityContext: { privileged: false } },
    'Deployment',
    `${CONTAINER} securityContext privileged`,
    false,
    undefined,
  ],
  [{ serviceAccount: { name: 'a' } }, 'ServiceAccount', 'metadata name', 'a', NAME],
  [{ serviceAccount: { name: 'a' } }, 'Deployment', `${POD} serviceAccountName`, 'a', NAME],
  [{ serviceAccount: { name: 'a' } }, `RoleBinding ${NAME}`, 'subjects 0 name', 'a', NAME],
  [
    { serviceAccount: { create: false, name: 'a' } },
    `ServiceAccount ${NAME}`,
    'kind',
    undefined,
    'ServiceAccount',
  ],
  [
    { serviceAccount: { create: false, name: 'a' } },
    'Job',
    `${POD} serviceAccountName`,
    'a',
    `${NAME}-uninstall-check`,
  ],
  [
    { serviceAccount: { annotations: { a: 'b' } } },
    `ServiceAccount ${NAME}`,
    'metadata annotations a',
    'b',
    undefined,
  ],
  [{ rbac: { create: false } }, 'Role', 'kind', undefined, 'Role'],
  [{ rbac: { create: false } }, 'RoleBinding', 'kind', undefined, 'RoleBinding'],
  [{ rbac: { create: false } }, 'ClusterRole', 'kind', undefined, 'ClusterRole'],
  [{ rbac: { create: false } }, 'ClusterRoleBinding', 'kind', undefined, 'ClusterRoleBinding'],
  [
    { podDisruptionBudget: { enabled: false } },
    'PodDisruptionBudget',
    'kind',
    undefined,
    'PodDisruptionBudget',
  ],
  [
    { podDisruptionBudget: { maxUnavailable: '50%' } },
    'PodDisruptionBudget',
    'spec maxUnavailable',
    '50%',
    1,
  ],
  [{ podDisruptionBudget: { minAvailable: 1 } }, 'PodDisruptionBudget', 'spec minAvailable', 1, undefined],
  [{ podDisruptionBudget: { minAvailable: 0 } }, 'PodDisruptionBudget', 'spec maxUnavailable', undefined, 1],
  [
    { podMonitor: { enabled: true } },
    `PodMonitor ${NAME}-workers`,
    'spec namespaceSelector matchNames 0',
    'default',
    undefined,
  ],
  [
    { podMonitor: { enabled: true } },
    `PodMonitor ${NAME}`,
    'spec podMetricsEndpoints 0 interval',
    '30s',
    undefined,
  ],
  [
    { serviceMonitor: { enabled: true, labels: { a: 'b' } } },
    'ServiceMonitor',
    'metadata labels a',
    'b',
    undefined,
  ],
  [
    { serviceMonitor: { enabled: true, interval: '5m' } },
    'ServiceMonitor',
    'spec endpoints 0 interval',
    '5m',
    undefined,
  ],
  [{ networkPolicy: { enabled: true } }, 'NetworkPolicy', 'spec egress 0 ports 0 port', 53, undefined],
  [
    { networkPolicy: { enabled: true, ingressFrom: [{ a: 1 }] } },
    'NetworkPolicy',
    'spec ingress 0 from 0 a',
    1,
    undefined,
  ],
  [
    { global: { imageRegistry: 'r.example.com' } },
    'Deployment',
    `${CONTAINER} image`,
    `r.example.com/${NAME}:0.1.0`,
    `${NAME}:0.1.0`,
  ],
  [
    { global: { imageRegistry: 'r:5000' }, image: { repository: 'ghcr.io/a/b' } },
    'Deployment',
    `${CONTAINER} image`,
    'r:5000/a/b:0.1.0',
    `${NAME}:0.1.0`,
  ],
  [
    { global: { imageRegistry: 'r:5000' }, image: { repository: 'a/b' } },
    'Deployment',
    `${CONTAINER} env 2 value`,
    'r:5000/a/b:0.1.0',
    `${NAME}:0.1.0`,
  ],
  [
    { global: { imagePullSecrets: ['a', { name: 'b' }] } },
    'Deployment',
    `${POD} imagePullSecrets 1 name`,
    'b',
    undefined,
  ],
  [
    { global: { imagePullSecrets: ['a', { name: 'b' }] } },
    'Deployment',
    `${CONTAINER} env 4 value`,
    'a,b',
    '',
  ],
  [{ logLevel: 'debug' }, 'Deployment', `${CONTAINER} env 6 value`, 'debug', 'info'],
  [{ logLevel: 'debug' }, 'Deployment', `${CONTAINER} env 7 value`, 'info', 'info'],
  [
    { watchNamespaces: [{ name: 'a' }, { name: 'a' }] },
    'Deployment',
    `${CONTAINER} env 1 value`,
    'a',
    'default',
  ],
  [{ watchNamespaces: [{ name: 'a' }, { name: 'b' }] }, 'Job', `${CONTAINER} args 1`, 'b', undefined],
  [{ crds: { keep: false } }, 'Job', `${CONTAINER} args`, undefined, ['default']],
  [{ clusterWide: true }, 'Job', `${CONTAINER} args`, undefined, ['default']],
  [{ uninstallCheck: { enabled: false } }, 'Job', 'kind', undefined, 'Job'],
  [{ enabled: true }, 'Deployment', 'kind', 'Deployment', 'Deployment'],
];

const kept = new Map<string, Manifest[]>();

/** Rows of the same values share one run of Helm. */
function rendered(values: object): Manifest[] {
  const key = JSON.stringify(values);
  const objects = kept.get(key) ?? helm.render(values);
  kept.set(key, objects);
  return objects;
}

describe('a value of the chart', () => {
  for (const [values, what, path, given, byDefault] of TABLE)
    it(`${JSON.stringify(values)} makes ${what}: ${path} ${JSON.stringify(given) ?? 'absent'}`, () => {
      const object = found(rendered(values), what);
      assert.deepEqual(at(object, path), given);
      assert.deepEqual(at(found(defaults, what), path), byDefault);
    });
});

describe('the labels of a release', () => {
  const OF_HELM = ['helm.sh/chart', 'app.kubernetes.io/managed-by'];

  it('are on every object', () => {
    const optional = { enabled: true };
    const values = { networkPolicy: optional, podMonitor: optional, serviceMonitor: optional };
    for (const { kind, metadata } of helm.render(values)) {
      const labels = metadata.labels as Record<string, string>;
      assert.equal(labels['helm.sh/chart'], `${NAME}-0.1.0`, kind);
      assert.equal(labels['app.kubernetes.io/managed-by'], 'Helm', kind);
    }
  });

  it('are in no selector, and do not roll the operator', () => {
    for (const what of ['Deployment', 'Service', 'PodDisruptionBudget'])
      assert.ok(
        OF_HELM.every((label) => !JSON.stringify(found(defaults, what)?.spec).includes(label)),
        what,
      );
  });

  it('do not make the pods of hooks pods of the operator', () => {
    const selector = at(found(defaults, 'Service'), 'spec selector') as Record<string, string>;
    for (const labels of [
      at(found(defaults, 'Pod'), 'metadata labels'),
      at(found(defaults, 'Job'), 'spec template metadata labels'),
    ])
      assert.notDeepEqual({ ...(labels as object), ...selector }, labels);
  });
});
