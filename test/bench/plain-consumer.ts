import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import { parameters, reportProgress } from './progress-report.ts';

/**
 * What a user would write instead, as the manuals of amqplib and ioredis show it: one event at a time, up to 100 of
 * them under way. It trusts the event and not the database, and it loses races that the worker does not lose.
 */
const { amqpUri, redisUri, queue, keyPrefix, port } = parameters<{
  amqpUri: string;
  redisUri: string;
  queue: string;
  keyPrefix: string;
  port: number;
}>();

let acknowledged = 0;
reportProgress(port, () => acknowledged);

const redis = new Redis(redisUri);
const channel = await (await connect(amqpUri)).createChannel();
await channel.prefetch(100);
await channel.consume(queue, async (message) => {
  if (message === null) return;
  const { orderId, status, timestamp } = JSON.parse(message.content.toString());
  const key = keyPrefix + orderId;
  if (await redis.exists(key)) await redis.hset(key, 'status', status, 'updatedAt', timestamp);
  channel.ack(message);
  acknowledged += 1;
});
