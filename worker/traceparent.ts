import type { OrderEvent } from '../api/event.ts';
import { TRACEPARENT, validTraceparent } from '../api/traceparent.ts';
import type { Delivery } from './delivery.ts';

/**
 * The trace that a delivery belongs to: its header, which every hop renews, or else what the event itself carries
 * (CloudEvents). Undefined without a valid one.
 */
export function traceparentOf(delivery: Delivery, event?: OrderEvent): string | undefined {
  return validTraceparent(delivery.properties.headers?.[TRACEPARENT]) ?? event?.traceparent;
}
