import {
  CONFIRMATION_CONTENT_TYPE,
  CONFIRMATION_TYPE,
  type Confirmation,
  type ConfirmationOutcome,
  encodeConfirmation,
} from '../api/confirmation.ts';
import type { OrderEvent } from '../api/event.ts';
import { TRACEPARENT } from '../api/traceparent.ts';
import { compareVersions, normalizeVersion, type Row } from '../cache/record.ts';
import type { Retry, Verdict } from './decide.ts';
import type { Delivery } from './delivery.ts';
import type { Outgoing } from './outgoing.ts';
import { traceparentOf } from './traceparent.ts';

/** What a worker confirms for. */
export interface Confirming {
  /** `<namespace>/<name>`. */
  readonly policy: string;
  /** Whether events are written into the rows: one that is not has lost to another event. */
  readonly writesRows: boolean;
}

/** What the initiator is told. Pure. */
export function confirmationOf(
  { policy, writesRows }: Confirming,
  delivery: Delivery,
  verdict: Exclude<Verdict, Retry>,
  event: OrderEvent | undefined,
  row: Row | null,
): Confirmation {
  return {
    orderId: event?.orderId ?? null,
    version: row?.version ?? event?.version ?? null,
    ...(row !== null && { status: row.status }),
    ...outcomeOf(verdict, event, row, writesRows),
    messageId: delivery.properties.messageId ?? null,
    policy,
  };
}

function outcomeOf(
  verdict: Exclude<Verdict, Retry>,
  event: OrderEvent | undefined,
  row: Row | null,
  writesRows: boolean,
): { outcome: ConfirmationOutcome; reason?: string } {
  if (verdict.kind === 'DeadLetter') return { outcome: 'dead-lettered', reason: verdict.reason };
  const outdated = event !== undefined && row !== null && isOutdated(event, row, writesRows);
  return { outcome: outdated ? 'outdated' : verdict.outcome };
}

/** Whether the row has gone further than the event says. Of equal versions, only one event is written. */
function isOutdated({ version, status }: OrderEvent, row: Row, writesRows: boolean): boolean {
  const present = row.version === null ? null : normalizeVersion(row.version);
  if (version === null || present === null) return false;
  const difference = compareVersions(present, version);
  return difference > 0 || (difference === 0 && writesRows && row.status !== status);
}

/** Not mandatory: that nobody listens is no error, and the broker takes a direct reply for not routed. */
export function confirmationMessage(
  confirmation: Confirmation,
  delivery: Delivery,
  event: OrderEvent | undefined,
  { exchange, routingKey }: Pick<Outgoing, 'exchange' | 'routingKey'>,
): Outgoing {
  const { correlationId, messageId } = delivery.properties;
  const traceparent = traceparentOf(delivery, event);
  return {
    exchange,
    routingKey,
    body: encodeConfirmation(confirmation),
    mandatory: false,
    properties: {
      correlationId: correlationId ?? messageId,
      type: CONFIRMATION_TYPE,
      contentType: CONFIRMATION_CONTENT_TYPE,
    },
    headers: traceparent === undefined ? {} : { [TRACEPARENT]: traceparent },
    ownHeaders: {},
  };
}
