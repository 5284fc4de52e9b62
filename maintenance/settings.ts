import { MAINTENANCE_ENVIRONMENT } from '../api/maintenance.ts';
import type { CatchUpRequests } from './catch-up-state.ts';

/** What the maintenance pod is told beside the configuration of the workers. */
export interface MaintenanceSettings {
  /** At least 1. */
  readonly maxOrdersPerSecond: number;
  readonly requests: CatchUpRequests;
  /** Undefined: the relay does not run. */
  readonly outboxTable: string | undefined;
}

export type SettingsResult =
  | { readonly kind: 'Valid'; readonly settings: MaintenanceSettings }
  /** One line that names the variable and what was expected. */
  | { readonly kind: 'Invalid'; readonly message: string };

/** As the schema of the policy has it; it becomes part of a statement. */
const TABLE = /^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)?$/;

/** Pure: the variables come as an argument. */
export function readMaintenanceSettings(
  variables: Readonly<Record<string, string | undefined>>,
): SettingsResult {
  const names = MAINTENANCE_ENVIRONMENT;
  const rate = variables[names.maxOrdersPerSecond] ?? '';
  if (!/^[1-9]\d{0,5}$/.test(rate)) {
    return {
      kind: 'Invalid',
      message: `${names.maxOrdersPerSecond}: expected a whole number from 1 to 999999`,
    };
  }
  const table = variables[names.outboxTable] ?? '';
  if (table !== '' && !TABLE.test(table)) {
    return { kind: 'Invalid', message: `${names.outboxTable}: expected table or schema.table` };
  }
  const requests = {
    requested: variables[names.requested] ?? '',
    queueLost: variables[names.queueLost] ?? '',
  };
  return {
    kind: 'Valid',
    settings: {
      maxOrdersPerSecond: Number(rate),
      requests,
      outboxTable: table === '' ? undefined : table,
    },
  };
}
