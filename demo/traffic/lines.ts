/** What the demo's pods print, one JSON object a line, and the driver reads from their logs. */
export type Line =
  | { kind: 'seeded'; orders: number }
  | { kind: 'warmed'; cached: number }
  /** Confirmed by the broker. Times are milliseconds of the machine's clock, taken before publishing. */
  | {
      kind: 'published';
      initiator: string;
      messages: [messageId: string, publishedAt: number][];
      again: boolean;
    }
  | { kind: 'malformed'; messageId: string }
  | {
      kind: 'initiator-done';
      initiator: string;
      changes: number;
      events: number;
      duplicates: number;
      late: number;
    }
  | { kind: 'reads'; hits: number; misses: number; errors: number; lastError?: string }
  /** The broker's own counts; `unacknowledged` is up to ten seconds old. */
  | { kind: 'queue'; at: number; ready: number; unacknowledged: number; dead: number }
  | { kind: 'dead-letters'; letters: { messageId: string; reason: string }[] }
  | { kind: 'redis'; runId: string }
  | Audit
  | { kind: 'leftovers'; queues: string[]; exchanges: string[]; redisKeys: string[] };

/** Every cached record compared with its row. */
export interface Audit {
  kind: 'audit';
  rows: number;
  records: number;
  placeholders: number;
  stale: { orderId: string; record: string; row: string }[];
  /** Shortest and longest time-to-live left, by status, in seconds. */
  ttl: Record<string, { shortest: number; longest: number }>;
}

export function print(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export function parseLine(text: string): Line | undefined {
  if (!text.startsWith('{"kind":')) return undefined;
  return JSON.parse(text) as Line;
}
