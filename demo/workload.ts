import type { Phase, Settings } from './traffic/settings.ts';

/** The demo's day: two initiators with their own exchanges, routing keys and clocks. */

export const NAMESPACE = 'shop';
export const OPERATOR_NAMESPACE = 'order-cache-system';
export const POLICY = 'orders';

const base: Settings = {
  orders: 12_000,
  hotOrders: 5_000,
  keyPrefix: 'order:',
  queue: 'ordercache.shop.orders',
  readsPerSecond: 400,
};

const share = { duplicateShare: 0.01, lateShare: 0.02 };

export function readersSettings(): Settings {
  return base;
}

/** The morning is calm, then comes a rush, then it is calm again. */
export function mesSettings(phases: readonly Phase[]): Settings {
  return {
    ...base,
    initiator: {
      ...share,
      name: 'MES',
      exchange: 'mes',
      routingKey: 'mes.order.status',
      statuses: ['RELEASED', 'IN_PRODUCTION', 'QUALITY_CHECK', 'PRODUCED'],
      clockOffsetMilliseconds: 0,
      phases,
      malformed: true,
      seed: 11,
    },
  };
}

/** The same without the malformed event. */
export function quiet(settings: Settings): Settings {
  const { initiator } = settings;
  return initiator === undefined ? settings : { ...settings, initiator: { ...initiator, malformed: false } };
}

/** CRM's clock is 45 seconds slow. */
export function crmSettings(phases: readonly Phase[]): Settings {
  return {
    ...base,
    initiator: {
      ...share,
      name: 'CRM',
      exchange: 'crm',
      routingKey: 'crm.order.status',
      statuses: ['CONFIRMED', 'ON_HOLD', 'SHIPPED', 'DELIVERED'],
      clockOffsetMilliseconds: -45_000,
      phases,
      malformed: false,
      seed: 12,
    },
  };
}

/** 12,000 changes of both, which keep one worker busy for a while. */
export const BACKLOG: readonly Phase[] = [{ seconds: 10, changesPerSecond: 600 }];

/** 26,000 changes each: 52,000 in about a minute. */
export const WORKING_DAY: readonly Phase[] = [
  { seconds: 10, changesPerSecond: 200 },
  { seconds: 30, changesPerSecond: 700 },
  { seconds: 15, changesPerSecond: 200 },
];

/** A few changes, for the acts after the rush. */
export const QUIET_HOUR: readonly Phase[] = [{ seconds: 5, changesPerSecond: 200 }];
