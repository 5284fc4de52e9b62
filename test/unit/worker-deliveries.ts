import { type Acknowledgement, Acknowledgements } from '../../worker/acknowledgements.ts';
import type { Delivery, MessageProperties, Source } from '../../worker/delivery.ts';

/** A channel that writes down what is acknowledged on it. */
export class RecordingSource implements Source {
  readonly queue = 'orders';
  readonly acknowledgements = new Acknowledgements();
  readonly acknowledged: Acknowledgement[] = [];
  open = true;

  acknowledge(acknowledgement: Acknowledgement): void {
    this.acknowledged.push(acknowledgement);
  }
}

/** The next delivery of the channel. */
export function delivered(
  source: Source,
  tag: number,
  body: object | string = '',
  properties: MessageProperties = {},
): Delivery {
  source.acknowledgements.delivered(tag);
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { source, tag, redelivered: false, body: bytes, properties };
}
