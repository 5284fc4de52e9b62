import type { CloudEventSettings } from '../api/cloud-event-encode.ts';
import type { OrderEvent } from '../api/event.ts';
import type { EventSettings } from '../api/worker-config.ts';
import { messageBuilder, type OrderChange, type PublishOptions } from './message.ts';
import { eventSettings } from './options.ts';
import type { Receipt } from './publisher.ts';
import { quotedTable, tableName } from './sql-names.ts';

export interface OutboxOptions {
  /** The exchange that the relay publishes to. */
  readonly exchange: string;
  /** The routing key or how to make it; may be given with each event instead. */
  readonly routingKey?: string | ((event: OrderEvent) => string);
  /** How the policy reads events (spec.event), where it differs from the defaults of the resource. */
  readonly event?: Partial<EventSettings>;
  /** With event.format CloudEvents: source, type and mode of what is published. */
  readonly cloudEvents?: CloudEventSettings;
  /** `table` or `schema.table`. Default: order_outbox. */
  readonly table?: string;
}

/** The initiator's connection, in its transaction: a client of pg, or whatever has such a `query`. */
export interface TransactionClient {
  query(text: string, values: unknown[]): Promise<unknown>;
}

export interface Outbox {
  /**
   * Writes the event into the outbox: it is published if and only if the transaction commits.
   *
   * Call it after the statement that changes the order. That statement locks the row, so that events of one order
   * are written, and published, in the order of their commits.
   *
   * @throws PublishError with reason Invalid when a worker would not accept the event, or what the client throws
   */
  enqueue(client: TransactionClient, change: OrderChange, options?: PublishOptions): Promise<Receipt>;
}

/** @throws TypeError that names an option, what was expected and what came */
export function createOutbox(options: OutboxOptions): Outbox {
  const { exchange, routingKey, event, cloudEvents } = options;
  if (typeof exchange !== 'string' || Buffer.byteLength(exchange) > 255)
    throw new TypeError('exchange: expected a name of at most 255 bytes');
  const build = messageBuilder({ event: eventSettings(event), routingKey, cloudEvents });
  const insert = insertInto(quotedTable(tableName('table', options.table ?? 'order_outbox')));
  return {
    enqueue: async (client, change, given = {}) => {
      const { messageId, routingKey: key, contentType, headers, body } = build(change, given);
      const values = [String(change.orderId), exchange, key, messageId, contentType, JSON.stringify(headers)];
      await client.query(insert, [...values, body.toString('utf8')]);
      return { messageId };
    },
  };
}

function insertInto(table: string): string {
  return `INSERT INTO ${table} (order_id, exchange, routing_key, message_id, content_type, headers, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)`;
}
