/** One phase of an initiator's day. */
export interface Phase {
  readonly seconds: number;
  readonly changesPerSecond: number;
}

/** What the driver tells a pod, as JSON in the environment variable TRAFFIC. */
export interface Settings {
  readonly orders: number;
  /** Orders below this number are read by customers and therefore cached. */
  readonly hotOrders: number;
  readonly keyPrefix: string;
  readonly queue: string;
  readonly initiator?: {
    readonly name: string;
    readonly exchange: string;
    readonly routingKey: string;
    readonly statuses: readonly string[];
    /** What this initiator's clock is off by; its events carry its own time. */
    readonly clockOffsetMilliseconds: number;
    readonly phases: readonly Phase[];
    /** Share of events that are published twice, and share that is held back and published late. */
    readonly duplicateShare: number;
    readonly lateShare: number;
    readonly malformed: boolean;
    readonly seed: number;
  };
  readonly readsPerSecond?: number;
}

export function readSettings(): Settings {
  const text = process.env.TRAFFIC;
  if (text === undefined) throw new Error('TRAFFIC: expected settings as JSON, got nothing');
  return JSON.parse(text) as Settings;
}

/** A connection uri that the pod has from a Secret. */
export function uri(name: 'AMQP_URI' | 'AMQP_MANAGEMENT_URI' | 'REDIS_URI' | 'DATABASE_URI'): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name}: expected a uri, got nothing`);
  return value;
}

export function orderIdOf(number: number): string {
  return `A-${String(number).padStart(6, '0')}`;
}
