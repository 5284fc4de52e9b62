import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WORKER_ENVIRONMENT } from '../../api/worker-config.ts';
import { ownRedis } from '../servers/index.ts';
import { spawnWorker, startWorker, until } from './worker-process.ts';
import {
  depth,
  publish,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';

test('SIGTERM: what is held is finished and acknowledged, nothing is delivered twice, exit code 0', async (t) => {
  const stage = await setStage(t, { prefetchCount: 50 });
  const worker = await startConsuming(t, stage, 'debug');
  const events = Array.from({ length: 2_000 }, (_, index) => ({ orderId: `o${index}` }));
  const publishing = publish(stage, events);
  await untilAcknowledged(worker, 100);
  worker.kill('SIGTERM');

  assert.equal(await worker.exitCode, 0);
  await publishing;
  const finished = worker.log
    .filter(({ msg }) => msg === 'batch')
    .flatMap((line) => Object.values(line.outcomes as Record<string, string[]>).flat());
  assert.equal(new Set(finished).size, finished.length);
  await until(
    'the others are in the queue',
    async () => (await depth(stage, 'orders')) === events.length - finished.length,
  );
});

test('SIGTERM during an outage ends within the grace period, and the second signal at once', async (t) => {
  const redis = await ownRedis(t);
  const stage = await setStage(t, { redisUri: redis.uri, gracePeriodSeconds: 4 });
  const [patient, hurried] = [await startConsuming(t, stage), await startConsuming(t, stage)];
  await redis.kill();
  await publish(
    stage,
    Array.from({ length: 20 }, (_, index) => ({ orderId: `o${index}` })),
  );
  await until('both hold messages', async () => {
    const reports = [await patient.report(), await hurried.report()];
    return reports.every(({ inFlight }) => inFlight > 0);
  });
  const since = Date.now();
  hurried.kill('SIGTERM');
  await until('it is draining', () => hurried.log.some(({ msg }) => msg === 'draining'));
  hurried.kill('SIGTERM');
  assert.equal(await hurried.exitCode, 1);
  patient.kill('SIGTERM');
  assert.equal(await patient.exitCode, 0);
  assert.ok(Date.now() - since < 20_000);
  await until('all are in the queue again', async () => (await depth(stage, 'orders')) === 20);
});

test('rotated credentials are taken up, the old ones stay in use until they work, and nothing is lost', async (t) => {
  const stage = await setStage(t);
  await writeRow(stage, 'a', 'SENT', 2);
  const uri = await stage.vhost.addUser({ configure: '', write: '.*', read: '.*' });
  const worker = await startConsuming(t, stage);

  worker.mount('rabbitmq', { uri: uri.replace(/:[^:@]*@/, ':wrong@') });
  await until('the wrong ones were tried', () =>
    worker.log.some(({ reason }) => /ACCESS_REFUSED/.test(`${reason}`)),
  );
  await writeRecord(stage, 'a', 'PAID', 1);
  await publish(stage, [{ orderId: 'a' }]);
  await untilAcknowledged(worker, 1);
  worker.mount('rabbitmq', { uri });
  worker.mount('database', { uri: `${stage.database.uri}?sslmode=disable` });
  await until(
    'the new ones are in use',
    () => worker.log.filter(({ msg }) => msg === 'connected to RabbitMQ').length >= 4,
  );
  await until('so for the database', () =>
    worker.log.some(({ msg }) => msg === 'the new credentials are in use'),
  );
  await writeRecord(stage, 'a', 'PAID', 1);
  await publish(stage, [{ orderId: 'a' }]);

  await until('the record is the row', async () => (await statusInCache(stage, 'a')) === 'SENT');
  assert.ok(!JSON.stringify(worker.log).includes('wrong@'));
});

test('metrics and report say the same', async (t) => {
  const stage = await setStage(t);
  const worker = await startConsuming(t, stage);
  await publish(stage, [{ orderId: 'a' }, { orderId: '*' }]);
  const report = await untilAcknowledged(worker, 2);
  const { body } = await worker.get('/metrics');
  assert.match(body, /^ordercache_worker_events_total\{outcome="absent"\} 1$/m);
  assert.match(body, /^ordercache_worker_events_total\{outcome="dead-lettered"\} 1$/m);
  assert.match(body, /^ordercache_worker_event_to_cache_seconds_count 1$/m);
  assert.match(body, /^ordercache_worker_paused\{reason="RedisUnavailable"\} 0$/m);
  assert.deepEqual([report.state, report.ttlRevision, report.prefetchCount], ['Consuming', 1, 500]);
  assert.equal((await worker.get('/nothing')).status, 404);
});

test('a worker that cannot start ends with code 1 and one line that names what is wrong', async (t) => {
  const stage = await setStage(t);
  const silent = spawnWorker({ [WORKER_ENVIRONMENT.configFile]: '/nowhere' });
  assert.equal(await silent.exitCode, 1);
  assert.deepEqual(
    silent.log.map(({ msg }) => msg),
    [`${WORKER_ENVIRONMENT.configHash}: expected a value, got none`],
  );
  const uri = 'amqp://u:s3cr#t@broker';
  const rejected = startWorker(t, stage.config, { ...stage.credentials, rabbitmq: { uri } });
  await assert.rejects(rejected, /rabbitmq\/uri: expected/);
});

test('a worker that waits for its configuration ends at the first signal', async () => {
  const waiting = spawnWorker({
    [WORKER_ENVIRONMENT.configFile]: '/nowhere',
    [WORKER_ENVIRONMENT.configHash]: '0'.repeat(16),
    [WORKER_ENVIRONMENT.credentialsDirectory]: '/nowhere',
  });
  await sleep(3_000);
  waiting.process.kill('SIGTERM');
  assert.equal(await waiting.exitCode, 0);
  assert.deepEqual(
    waiting.log.map(({ msg }) => msg),
    ['ended before it had started'],
  );
});
