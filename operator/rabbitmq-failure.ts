import type { ManagementCredentials } from './connection-credentials.ts';
import type { Problem } from './ports.ts';

/**
 * Why the broker did not do what it was asked.
 * Unavailable: not reached, too slow, or broken: try again. AccessRefused: credentials or rights must change.
 * NotFound: what was asked for does not exist. Refused: it answers that this cannot be done.
 */
export type BrokerFailureKind = 'Unavailable' | 'AccessRefused' | 'NotFound' | 'Refused';

/** The only error of the files rabbitmq-*.ts; its message holds no credentials. */
export class BrokerFailure extends Error {
  override readonly name = 'BrokerFailure';
  readonly kind: BrokerFailureKind;

  constructor(kind: BrokerFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** One word for what happened on the way to the broker; addresses are left out, credentials cannot be in it. */
export function networkReason(error: unknown): string {
  const causes = error instanceof AggregateError ? error.errors : [error];
  for (const cause of causes) {
    if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
    if (cause instanceof Error && cause.cause !== undefined) return networkReason(cause.cause);
  }
  return error instanceof Error ? error.name : 'unknown error';
}

/** As the condition TopologyReady is to say it. What is no BrokerFailure is thrown on. */
export function brokerProblem(error: unknown, { vhost }: ManagementCredentials): Problem {
  if (!(error instanceof BrokerFailure)) throw error;
  switch (error.kind) {
    case 'AccessRefused':
      return { kind: 'Problem', reason: 'BrokerAccessRefused', message: error.message, retryable: false };
    case 'NotFound': {
      const message = `${error.message}; does vhost ${vhost} exist?`;
      return { kind: 'Problem', reason: 'BrokerUnavailable', message, retryable: true };
    }
    case 'Unavailable':
    case 'Refused':
      return { kind: 'Problem', reason: 'BrokerUnavailable', message: error.message, retryable: true };
  }
}
