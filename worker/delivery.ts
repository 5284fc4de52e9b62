import type { Acknowledgement, Acknowledgements } from './acknowledgements.ts';

/**
 * One opened channel, until it closes. Tags start at 1 on each, so a delivery is acknowledged on the channel that
 * delivered it or not at all: the broker delivers what a closed channel had again.
 */
export interface Source {
  readonly queue: string;
  readonly open: boolean;
  readonly acknowledgements: Acknowledgements;
  /** Does nothing once the channel has closed. */
  acknowledge(acknowledgement: Acknowledgement): void;
}

export interface MessageProperties {
  readonly messageId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** A message that is ours until it is acknowledged or its channel closes. */
export interface Delivery {
  readonly source: Source;
  readonly tag: number;
  readonly redelivered: boolean;
  readonly body: Buffer;
  readonly properties: MessageProperties;
}
