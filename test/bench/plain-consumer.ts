import { type ConsumeMessage, connect } from 'amqplib';
import { Redis } from 'ioredis';
import { parameters, reportProgress } from './progress-report.ts';

/**
 * What a user would write instead, as the manuals of amqplib and ioredis show it: EXISTS, then HSET. It trusts the event
 * and not the database. One event at a time keeps the order of events; with all that are prefetched under way at once it
 * is faster, and two events of one order overtake each other.
 */
const { amqpUri, redisUri, queue, keyPrefix, oneAtATime, port } = parameters<{
  amqpUri: string;
  redisUri: string;
  queue: string;
  keyPrefix: string;
  oneAtATime: boolean;
  port: number;
}>();

const redis = new Redis(redisUri);
const connection = await connect(amqpUri);
const channel = await connection.createChannel();
let acknowledged = 0;
reportProgress(port, () => acknowledged, connection);

let before = Promise.resolve();
await channel.prefetch(100);
await channel.consume(queue, (message) => {
  if (message === null) return;
  before = oneAtATime ? before.then(() => handle(message)) : handle(message);
});

async function handle(message: ConsumeMessage): Promise<void> {
  const { orderId, status, timestamp } = JSON.parse(message.content.toString());
  const key = keyPrefix + orderId;
  if (await redis.exists(key)) await redis.hset(key, 'status', status, 'updatedAt', timestamp);
  channel.ack(message);
  acknowledged += 1;
}
