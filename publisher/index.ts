/** `order-cache-operator/publisher`: what the systems that change orders (MES, CRM) call. */
export type { CloudEventSettings } from '../api/cloud-event-encode.ts';
export type { VisibleChange, VisibleOutcome } from './answers.ts';
export type { OrderChange, PublishOptions, WaitOptions } from './message.ts';
export type { BrokerOptions, PublisherOptions } from './options.ts';
export { createOutbox, type Outbox, type OutboxOptions, type TransactionClient } from './outbox.ts';
export { type OutboxSqlOptions, outboxSql } from './outbox-sql.ts';
export type { OrdersTriggerOptions } from './outbox-trigger-sql.ts';
export { PublishError, type PublishFailure } from './publish-error.ts';
export { createPublisher, type Publisher, type Receipt } from './publisher.ts';
export { createOutboxRelay, type OutboxRelay, type RelayStatus } from './relay.ts';
export type { OutboxClient, OutboxDatabase, OutboxRelayOptions, RelayFailure } from './relay-options.ts';
