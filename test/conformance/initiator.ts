import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import { eventDecoder } from '../../api/event-decode.ts';
import { EVENT_SETTINGS } from '../fixtures/worker-config.ts';
import { type Scope, testDatabase, testVhost } from '../servers/index.ts';
import type { Finding } from './conformance.ts';
import { InitiatorProcess } from './initiator-process.ts';
import { until } from './stage.ts';

/** Runs a command as an initiator (MES, CRM) through the checks, on a real broker and database. */

const EXCHANGE = 'mes';
const ROUTING_KEY = 'mes.order.status';
const QUEUE = 'seen';
const COMMIT_SECONDS = 1;

interface Stage {
  readonly initiator: InitiatorProcess;
  /** Events that have arrived, with what the row said then. */
  readonly events: { readonly message: ConsumeMessage; readonly rowStatus: string | undefined }[];
  /** Makes the broker refuse what is published, until the returned function is called. */
  refuse(): Promise<() => Promise<void>>;
}

/** A commit takes a second, so that what is published before it is seen; REFUSED never commits. */
const TRIGGER = `
  CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.status = 'REFUSED' THEN RAISE EXCEPTION 'the transaction fails'; END IF;
    PERFORM pg_sleep(${COMMIT_SECONDS}); RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION at_commit();
  INSERT INTO orders SELECT 'A-' || n, 'CREATED', 1 FROM generate_series(1, 9) AS n`;

async function setStage(scope: Scope, command: string): Promise<Stage> {
  const [vhost, database] = [await testVhost(scope), await testDatabase(scope)];
  await database.pool.query(TRIGGER);
  const channel = await (await vhost.connect()).createChannel();
  channel.on('error', () => {});
  const declare = async (on: Channel) => {
    await on.assertExchange(EXCHANGE, 'topic', { durable: true });
    await on.bindQueue(QUEUE, EXCHANGE, '#');
  };
  await channel.assertQueue(QUEUE);
  await declare(channel);
  const events: Stage['events'] = [];
  await channel.consume(QUEUE, async (message) => {
    if (message === null) return;
    const { orderId } = decodedOrRaw(message);
    const { rows } = await database.pool.query('SELECT status FROM orders WHERE id = $1', [orderId]);
    events.push({ message, rowStatus: rows[0]?.status });
    channel.ack(message);
  });
  const initiator = InitiatorProcess.start(scope, command, {
    ORDERCACHE_AMQP_URI: vhost.amqpUri,
    ORDERCACHE_EXCHANGE: EXCHANGE,
    ORDERCACHE_ROUTING_KEY: ROUTING_KEY,
    ORDERCACHE_DATABASE_URI: database.uri,
  });
  const refuse = async () => {
    await channel.deleteExchange(EXCHANGE);
    return () => declare(channel);
  };
  return { initiator, events, refuse };
}

function decode({ content, properties }: ConsumeMessage) {
  return eventDecoder(EVENT_SETTINGS)(content, {
    contentType: properties.contentType,
    headers: properties.headers ?? {},
  });
}

function decodedOrRaw(message: ConsumeMessage): { orderId: string } {
  const decoded = decode(message);
  return { orderId: decoded.kind === 'Event' ? decoded.event.orderId : '' };
}

async function changed({ initiator, events }: Stage, orderId: string, status: string) {
  const before = events.length;
  const answer = await initiator.change(orderId, status);
  assert.deepEqual(answer, { kind: 'Done' }, `the answer to a change of ${orderId}`);
  await until('an event arrives', () => events.length > before, 30_000);
  const event = events[before];
  assert.ok(event);
  return event;
}

type Check = (stage: Stage) => Promise<void>;

const CHECKS: Readonly<Record<string, Check>> = {
  'the event names the order, its status, and a time with an offset': async (stage) => {
    const { message } = await changed(stage, 'A-1', 'SHIPPED');
    const decoded = decode(message);
    if (decoded.kind !== 'Event') throw new Error(`${decoded.reason}: ${decoded.detail}`);
    assert.deepEqual([decoded.event.orderId, decoded.event.status], ['A-1', 'SHIPPED']);
  },
  'the message is persistent JSON with the routing key': async (stage) => {
    const { message } = await changed(stage, 'A-2', 'SHIPPED');
    assert.equal(message.properties.deliveryMode, 2, 'delivery mode');
    assert.match(String(message.properties.contentType), /^application\/json/, 'content type');
    assert.ok(message.fields.routingKey.startsWith(ROUTING_KEY), `routing key ${message.fields.routingKey}`);
  },
  'each message has an id of its own': async (stage) => {
    const ids = [await changed(stage, 'A-3', 'PAID'), await changed(stage, 'A-3', 'SHIPPED')].map(
      ({ message }) => String(message.properties.messageId ?? ''),
    );
    assert.ok(!ids.includes('') && new Set(ids).size === 2, `message ids ${JSON.stringify(ids)}`);
  },
  'the event is published after the commit': async (stage) => {
    const { rowStatus } = await changed(stage, 'A-4', 'SHIPPED');
    assert.equal(rowStatus, 'SHIPPED', 'the row when the event arrived');
  },
  'a transaction that fails publishes nothing': async (stage) => {
    const before = stage.events.length;
    assert.equal((await stage.initiator.change('A-5', 'REFUSED')).kind, 'Error', 'the answer');
    await sleep(1_000);
    assert.equal(stage.events.length, before, 'events');
  },
  'an event that the broker does not take is an error, or is published later': async (stage) => {
    const before = stage.events.length;
    const accept = await stage.refuse();
    const answer = await stage.initiator.change('A-6', 'SHIPPED');
    await accept();
    if (answer.kind === 'Error') return;
    await until('the event whose change was answered with done', () => stage.events.length > before, 15_000);
  },
  'it works on after that': async (stage) => {
    await until('a change is done', async () => (await stage.initiator.change('A-7', 'X')).kind === 'Done');
  },
};

export async function initiatorConformance(scope: Scope, command: string, only = ''): Promise<Finding[]> {
  const stage = await setStage(scope, command);
  const findings: Finding[] = [];
  for (const [check, run] of Object.entries(CHECKS).filter(([name]) => name.includes(only))) {
    try {
      await run(stage);
      findings.push({ check });
    } catch (error) {
      findings.push({ check, fault: error instanceof Error ? error.message : String(error) });
    }
  }
  if (findings.length === 0) throw new Error(`no check has ${JSON.stringify(only)} in its name`);
  return findings;
}
