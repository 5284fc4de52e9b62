import { type ConsumeMessage, connect } from 'amqplib';
import { parameters, reportProgress } from './progress-report.ts';

/** The ceiling: a consumer that looks at nothing, and acknowledges at once whatever has arrived together. */
const { amqpUri, queue, prefetch, port } = parameters<{
  amqpUri: string;
  queue: string;
  prefetch: number;
  port: number;
}>();

let acknowledged = 0;
let received = 0;
let last: ConsumeMessage | undefined;
reportProgress(port, () => acknowledged);

const channel = await (await connect(amqpUri, { noDelay: true })).createChannel();
await channel.prefetch(prefetch);
await channel.consume(queue, (message) => {
  if (message === null) return;
  received += 1;
  if (last === undefined) setImmediate(acknowledge);
  last = message;
});

function acknowledge(): void {
  if (last) channel.ack(last, true);
  last = undefined;
  acknowledged = received;
}
