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

/** What the initiator is told. Pure. */
export function confirmationOf(
  policy: string,
  delivery: Delivery,
  verdict: Exclude<Verdict, Retry>,
  event: OrderEvent | undefined,
  row: Row | null,
): Confirmation {
  return {
    orderId: event?.orderId ?? null,
    version: row?.version ?? event?.version ?? null,
    ...(row !== null && { status: row.status }),
    ...outcomeOf(verdict, event, row),
    messageId: delivery.properties.messageId ?? null,
    policy,
  };
}

function outcomeOf(
  verdict: Exclude<Verdict, Retry>,
  event: OrderEvent | undefined,
  row: Row | null,
): { outcome: ConfirmationOutcome; reason?: string } {
  if (verdict.kind === 'DeadLetter') return { outcome: 'dead-lettered', reason: verdict.reason };
  return { outcome: isOutdated(event?.version ?? null, row) ? 'outdated' : verdict.outcome };
}

/** Whether the row has gone further than the event says. */
export function isOutdated(version: string | null, row: Row | null): boolean {
  const present = row?.version == null ? null : normalizeVersion(row.version);
  return version !== null && present !== null && compareVersions(present, version) > 0;
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
