/** `order-cache-operator/publisher`: what the systems that change orders (MES, CRM) call. */
export type { OrderChange, PublishOptions } from './message.ts';
export type { PublisherOptions } from './options.ts';
export { PublishError, type PublishFailure } from './publish-error.ts';
export { createPublisher, type Publisher, type Receipt } from './publisher.ts';
