/** The condition types of a policy and the fixed list of their reasons. */

export const CONDITION_TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'TopologyReady',
  'WorkersReady',
  'CacheReady',
  'ScalingActive',
  'MaintenanceReady',
] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

export const CONDITION_REASONS = [
  // Ready, Reconciling and Stalled take the reason of what holds them up; these are their own.
  'Pending',
  'Ready',
  'Progressing',
  'Suspended',
  'Deleting',
  'QueueNotEmpty',
  // the resource or what it refers to
  'InvalidSpec',
  'SecretNotFound',
  'SecretInvalid',
  'QueueConflict',
  'KeyPrefixConflict',
  'ObjectConflict',
  'ApplyFailed',
  // RabbitMQ
  'TopologyDeclared',
  'BrokerUnavailable',
  'BrokerAccessRefused',
  'ExchangeNotFound',
  'ExchangeMismatch',
  'QueueArgumentsChanged',
  'QueueOwnedByOther',
  'BrokerPolicyConflict',
  'DeadLetterQueueFull',
  // workers
  'WorkersAvailable',
  'RollingOut',
  'WorkersUnavailable',
  'WorkersPaused',
  'QuotaExceeded',
  // the maintenance pod
  'MaintenanceAvailable',
  'MaintenanceUnavailable',
  'MaintenancePaused',
  'CatchUpFailed',
  // Redis
  'TtlPublished',
  'RedisUnavailable',
  'RedisAccessRefused',
  // scaling
  'ScalingActive',
  'ManualScaling',
  'MetricsUnavailable',
  'WorkersCannotHelp',
] as const;
export type ConditionReason = (typeof CONDITION_REASONS)[number];

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: ConditionReason;
  /** For people; without secrets and without numbers that tick. */
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339; moves only when status changes. */
  readonly lastTransitionTime: string;
}
