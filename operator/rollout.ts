import { CONFIG_HASH_ANNOTATION } from '../api/names.ts';
import type { Deployment } from './kubernetes-objects.ts';

/** How far the worker Deployment is with the configuration that the policy asks for. */
export type Rollout =
  | { readonly kind: 'Done'; readonly replicas: number }
  | { readonly kind: 'Absent' }
  /** Pods with an older template still run, or the first pod is not ready yet. */
  | { readonly kind: 'InProgress'; readonly message: string }
  | {
      readonly kind: 'Failing';
      readonly reason: 'WorkersUnavailable' | 'QuotaExceeded';
      readonly message: string;
    };

/**
 * `templateGeneration`: the Deployment's generation that last changed its pods, if known; later ones only scaled it, and
 * scaling alone holds nothing up.
 */
export function rolloutOf(
  deployment: Deployment | undefined,
  configHash: string | undefined,
  templateGeneration?: number,
): Rollout {
  if (deployment?.spec === undefined) return { kind: 'Absent' };
  const failure = failureOf(deployment);
  if (failure) return failure;
  const { status, metadata, spec } = deployment;
  const template = spec.template.metadata?.annotations?.[CONFIG_HASH_ANNOTATION];
  if (configHash === undefined || template !== configHash) {
    return { kind: 'InProgress', message: 'The workers do not have this configuration yet' };
  }
  if ((status?.observedGeneration ?? 0) < (templateGeneration ?? metadata.generation ?? 0)) {
    return { kind: 'InProgress', message: 'The Deployment is about to be rolled out' };
  }
  const replicas = status?.replicas ?? 0;
  if ((status?.updatedReplicas ?? 0) < replicas) {
    return { kind: 'InProgress', message: 'Workers with an older configuration are being replaced' };
  }
  if ((spec.replicas ?? 1) > 0 && (status?.availableReplicas ?? 0) === 0) {
    return { kind: 'InProgress', message: 'No worker is ready yet' };
  }
  return { kind: 'Done', replicas };
}

/** Is the Deployment replacing pods now? One that cannot get its pods is not: it would hold up others for ever. */
export function isRolling(deployment: Deployment): boolean {
  const { metadata, spec, status } = deployment;
  if (failureOf(deployment) !== undefined) return false;
  const wanted = spec?.replicas ?? 1;
  const observed = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return !observed || (status?.updatedReplicas ?? 0) < Math.max(wanted, status?.replicas ?? 0);
}

function failureOf({ status }: Deployment): Rollout | undefined {
  const refused = status?.conditions?.find(
    ({ type, status: is }) => type === 'ReplicaFailure' && is === 'True',
  );
  if (refused) {
    const reason = /quota/i.test(refused.message ?? '') ? 'QuotaExceeded' : 'WorkersUnavailable';
    return {
      kind: 'Failing',
      reason,
      message: `Worker pods are refused: ${refused.message ?? refused.reason}`,
    };
  }
  const progress = status?.conditions?.find(({ type }) => type === 'Progressing');
  if (progress?.status !== 'False') return undefined;
  return {
    kind: 'Failing',
    reason: 'WorkersUnavailable',
    message: 'Worker pods did not become ready in time; see their events and logs',
  };
}
