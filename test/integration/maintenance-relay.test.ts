import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createOutbox, outboxSql } from '../../publisher/index.ts';
import { ownRedis, testVhost } from '../servers/index.ts';
import { catchUpStage } from './catch-up-stage.ts';
import { until } from './worker-process.ts';

/** The relay of the outbox as the maintenance pod runs it. */

it('the maintenance pod relays the outbox, over a change of credentials and a restart', async (t) => {
  const own = await ownRedis(t);
  const vhost = await testVhost(t);
  const stage = await catchUpStage(t, own.uri);
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertQueue('events', { durable: true });
  await stage.database.pool.query(outboxSql());
  const outbox = createOutbox({ exchange: '', routingKey: 'events' });
  const enqueue = async (orderId: string) => {
    await outbox.enqueue(stage.database.pool, { orderId, status: 'SENT' });
  };
  const credentials = {
    redis: { uri: own.uri },
    database: { uri: stage.database.uri },
    'outbox-database': { uri: stage.database.uri },
    'outbox-rabbitmq': { uri: vhost.amqpUri },
  };
  const options = { credentials, outboxTable: 'order_outbox' };
  const arrivedAll = (count: number) =>
    until(`${count} events`, async () => (await channel.checkQueue('events')).messageCount === count);

  const pod = await stage.maintenance(options);
  await enqueue('A');
  await arrivedAll(1);
  const report = await until('it is counted', async () => {
    const { relay } = await pod.report();
    return relay?.published === 1 && relay;
  });
  assert.deepEqual([report.broker, report.database], ['Up', 'Up']);
  assert.match((await pod.get('/metrics')).body, /^ordercache_maintenance_relay_published_events_total 1$/m);

  pod.mount('outbox-database', { uri: `${stage.database.uri}?application_name=rotated` });
  await until('the new credentials are in use', () => {
    return pod.log.some(
      ({ msg, connection }) => msg === 'the new credentials are in use' && connection === 'outbox',
    );
  });
  await enqueue('B');
  await arrivedAll(2);

  pod.kill('SIGTERM');
  assert.equal(await pod.exitCode, 0);
  await enqueue('C');
  await stage.maintenance(options);
  await arrivedAll(3);
});
