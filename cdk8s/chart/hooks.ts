import { GROUP, PLURAL } from '../../api/names.ts';
import type { Manifest } from '../manifests.ts';
import { OPERATOR_PORT } from '../operator-pod.ts';
import { containerValues, podValues } from './deployment.ts';
import { block, inline, yamlBlock } from './expressions.ts';

/** Objects that Helm makes for a moment: the pod of `helm test`, and the check before an uninstall. */

const NAME = inline('include "order-cache-operator.fullname" $');
const NAMESPACE = inline('$.Release.Namespace | quote');
const CHECK = `${NAME}-uninstall-check`;

const READY = `
const url = process.argv[1];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const answer = () => fetch(url, { signal: AbortSignal.timeout(5000) }).then(
  (response) => 'answered ' + response.status, (error) => String(error.cause ?? error));
let said = '';
for (let attempt = 0; attempt < 12 && said !== 'answered 200'; attempt++) {
  if (attempt > 0) await wait(5000);
  said = await answer();
}
console.log(url + ' ' + said);
process.exit(said === 'answered 200' ? 0 : 1);
`.trim();

/** Asks the Service of the operator whether one of its pods is ready. Kept, so that `helm test --logs` finds it. */
export function testPod(): Manifest {
  const url = `http://${NAME}-metrics.${inline('$.Release.Namespace')}.svc:${OPERATOR_PORT}/readyz`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...named(`${NAME}-test`, 'order-cache-operator-test'),
      annotations: { 'helm.sh/hook': 'test', 'helm.sh/hook-delete-policy': 'before-hook-creation' },
    },
    spec: {
      automountServiceAccountToken: false,
      ...hookPod('ready', ['node', '--input-type=module', '-e', READY, url]),
    },
  };
}

/** Of the check's own service account: it may list policies, and nothing else. */
export function uninstallCheck(): { access: Manifest[]; job: Manifest } {
  const clusterName = inline(
    'printf "%s-%s-uninstall-check" $.Release.Namespace (include "order-cache-operator.fullname" $)',
  );
  const { namespace: _, ...everywhere } = hook(clusterName, '-5');
  const rbac = 'rbac.authorization.k8s.io';
  const access = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: hook(CHECK, '-5') },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: everywhere,
      rules: [{ apiGroups: [GROUP], resources: [PLURAL], verbs: ['list'] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: everywhere,
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: clusterName },
      subjects: [{ kind: 'ServiceAccount', name: CHECK, namespace: NAMESPACE }],
    },
  ];
  return { access, job: checkJob() };
}

function checkJob(): Manifest {
  const own = 'and $.Values.rbac.create $.Values.serviceAccount.create';
  const account = `ternary (printf "%s-uninstall-check" (include "order-cache-operator.fullname" $)) (include "order-cache-operator.serviceAccountName" $) (${own})`;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: hook(CHECK, '0'),
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 120,
      ttlSecondsAfterFinished: 3600,
      template: {
        metadata: { labels: hookLabels('order-cache-operator-uninstall-check') },
        spec: {
          serviceAccountName: inline(account),
          automountServiceAccountToken: true,
          ...hookPod('uninstall-check', ['node', '/app/operator.js', 'uninstall-check'], checkedNamespaces()),
        },
      },
    },
  };
}

/** A definition that goes with the release takes the policies of every namespace with it. */
function checkedNamespaces() {
  const watched = '(splitList "," (include "order-cache-operator.watchNamespaces" $))';
  const everywhere = '(or $.Values.clusterWide (and $.Values.crds.install (not $.Values.crds.keep)))';
  return { args: block(`(ternary (list) ${watched} ${everywhere})`) };
}

function hookPod(name: string, command: string[], more: object = {}) {
  return {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    ...podValues(),
    containers: [{ name, command, ...more, ...containerValues() }],
  };
}

function hook(name: string, weight: string) {
  return {
    ...named(name, 'order-cache-operator-uninstall-check'),
    annotations: {
      'helm.sh/hook': 'pre-delete',
      'helm.sh/hook-weight': weight,
      'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
      'helm.sh/hook-output-log-policy': 'hook-failed',
    },
  };
}

function named(name: string, label: string) {
  return { name, namespace: NAMESPACE, labels: hookLabels(label) };
}

function hookLabels(label: string): string {
  return yamlBlock(`include "order-cache-operator.hookLabels" (dict "root" $ "name" "${label}")`);
}
