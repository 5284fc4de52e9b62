import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { print } from './lines.ts';
import { management } from './management.ts';
import { type Settings, uri } from './settings.ts';

/** Prints, each second, how many messages the queue and its dead-letter queue hold. Runs until it is ended. */
export async function watchQueue(settings: Settings): Promise<void> {
  const connection = await connect(uri('AMQP_URI'), { timeout: 5000 });
  connection.on('error', () => process.exit(1));
  for (;;) {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    await countEachSecond(channel, settings.queue).catch(() => {});
    await sleep(1000);
  }
}

async function countEachSecond(
  channel: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>,
  queue: string,
): Promise<never> {
  for (;;) {
    const [main, dead, counted] = await Promise.all([
      channel.checkQueue(queue),
      channel.checkQueue(`${queue}.dead`),
      management<{ messages_unacknowledged?: number }>('GET', (vhost) => `queues/${vhost}/${queue}`),
    ]);
    print({
      kind: 'queue',
      at: Date.now(),
      ready: main.messageCount,
      unacknowledged: counted.messages_unacknowledged ?? 0,
      dead: dead.messageCount,
    });
    await sleep(1000);
  }
}
