import { createHash } from 'node:crypto';
import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { MAINTENANCE_ENVIRONMENT } from '../api/maintenance.ts';
import { CATCH_UP_ANNOTATION, maintenanceSelector } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { podTemplate, type WorkerInstallation } from './desired-pod.ts';
import { maintenanceSecrets } from './worker-route.ts';

/** A request for a catch-up is a variable of the pod, so that it rolls the pod at once. */
export function maintenanceTemplate(
  policy: OrderCachePolicy,
  installation: WorkerInstallation,
  configHash: string,
  queueLostAt: string | undefined,
): V1PodTemplateSpec {
  const { catchUp, maintenance, outbox } = policy.spec;
  const requested = tokenOf(policy.metadata.annotations?.[CATCH_UP_ANNOTATION]);
  return podTemplate(policy, installation, configHash, {
    selector: maintenanceSelector(policy.metadata.name),
    containerName: 'maintenance',
    program: 'maintenance.js',
    resources: maintenance.resources,
    secrets: maintenanceSecrets(policy),
    variables: {
      [MAINTENANCE_ENVIRONMENT.maxOrdersPerSecond]: `${catchUp.maxOrdersPerSecond}`,
      // The API server drops an empty value, which would look like an edit for ever.
      ...(requested !== undefined && { [MAINTENANCE_ENVIRONMENT.requested]: requested }),
      ...(queueLostAt !== undefined && { [MAINTENANCE_ENVIRONMENT.queueLost]: queueLostAt }),
      ...(outbox !== undefined && { [MAINTENANCE_ENVIRONMENT.outboxTable]: outbox.table }),
    },
  });
}

/** The value may be anything of any length. */
function tokenOf(annotation: string | undefined): string | undefined {
  if (annotation === undefined || annotation === '') return undefined;
  return createHash('sha256').update(annotation).digest('hex').slice(0, 16);
}
