import type { Malformed, OrderEvent } from '../api/event.ts';
import type { EventDecoder } from '../api/event-decode.ts';
import type { Delivery } from './delivery.ts';

/** An event and the delivery that brought it. */
export interface EventInHand {
  readonly delivery: Delivery;
  readonly event: OrderEvent;
}

/** The events of one order in one batch: together they are one operation on the cache. */
export interface OrderEvents {
  readonly orderId: string;
  /** At least one, in the order of delivery. */
  readonly events: readonly EventInHand[];
  /** Whether one of them has a version. */
  readonly versioned: boolean;
}

export interface MalformedDelivery {
  readonly delivery: Delivery;
  readonly malformed: Malformed;
}

/** What arrived together: the orders in the order of their first event, and what cannot be read. */
export interface Batch {
  readonly orders: readonly OrderEvents[];
  readonly malformed: readonly MalformedDelivery[];
}

/** Pure. */
export function decodeBatch(deliveries: readonly Delivery[], decode: EventDecoder): Batch {
  const orders = new Map<string, { orderId: string; events: EventInHand[]; versioned: boolean }>();
  const malformed: MalformedDelivery[] = [];
  for (const delivery of deliveries) {
    const decoded = decode(delivery.body, delivery.properties);
    if (decoded.kind === 'Malformed') {
      malformed.push({ delivery, malformed: decoded });
      continue;
    }
    const { event } = decoded;
    const order = orders.get(event.orderId);
    const versioned = event.version !== null;
    if (order === undefined) {
      orders.set(event.orderId, { orderId: event.orderId, events: [{ delivery, event }], versioned });
    } else {
      order.events.push({ delivery, event });
      order.versioned ||= versioned;
    }
  }
  return { orders: [...orders.values()], malformed };
}

/** Each event by itself, in order: one that cannot be processed must not take the others along. */
export function apart({ orderId, events }: OrderEvents): OrderEvents[] {
  return events.map((each) => ({ orderId, events: [each], versioned: each.event.version !== null }));
}
