export type Random = () => number;

/** The index of an order: a third of all choices fall on forty orders, so that races are frequent. */
export function someOrder(random: Random, orders: number): number {
  return Math.floor(random() * (random() < 1 / 3 ? Math.min(40, orders) : orders));
}

export const orderId = (index: number): string => `order-${index}`;
