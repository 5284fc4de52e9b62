import type { OrderEvents } from './batch.ts';

/**
 * Which orders are being synchronised: each by one batch at a time. What arrives for an order meanwhile takes its turn
 * when that is done, so the events of one order stay in the order of delivery.
 */
export class Turns {
  /** The orders under way, each with what waits for it. */
  readonly #underWay = new Map<string, OrderEvents | undefined>();

  /** Gives those orders that nobody is working on; they are the caller's until it passes them on. */
  take(orders: readonly OrderEvents[]): readonly OrderEvents[] {
    const free = orders.filter((order) => !this.#wait(order));
    for (const { orderId } of free) this.#underWay.set(orderId, undefined);
    return free;
  }

  /** The caller has finished with these orders. Gives those among them for which more has arrived, to go on with. */
  pass(orders: readonly OrderEvents[]): readonly OrderEvents[] {
    const next: OrderEvents[] = [];
    for (const { orderId } of orders) {
      const waiting = this.#underWay.get(orderId);
      if (waiting === undefined) this.#underWay.delete(orderId);
      else next.push(waiting);
    }
    for (const { orderId } of next) this.#underWay.set(orderId, undefined);
    return next;
  }

  #wait(order: OrderEvents): boolean {
    if (!this.#underWay.has(order.orderId)) return false;
    const before = this.#underWay.get(order.orderId);
    this.#underWay.set(order.orderId, before === undefined ? order : joined(before, order));
    return true;
  }
}

function joined(before: OrderEvents, after: OrderEvents): OrderEvents {
  return {
    orderId: before.orderId,
    events: [...before.events, ...after.events],
    versioned: before.versioned || after.versioned,
  };
}
