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

const connection = await connect(amqpUri, { noDelay: true });
reportProgress(port, () => acknowledged, connection);
const channel = await connection.createChannel();
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
