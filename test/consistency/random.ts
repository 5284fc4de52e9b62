/** Random numbers from 0 to 1 that a seed decides (mulberry32, by Tommy Ettinger, public domain). */
export type Random = () => number;

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The index of an order: a third of all choices fall on forty orders, so that races are frequent. */
export function someOrder(random: Random, orders: number): number {
  return Math.floor(random() * (random() < 1 / 3 ? Math.min(40, orders) : orders));
}

export const orderId = (index: number): string => `order-${index}`;
