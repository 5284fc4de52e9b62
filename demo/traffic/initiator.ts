import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import pg from 'pg';
import { createPublisher } from '../../publisher/index.ts';
import { seededRandom } from '../../test/fixtures/seeded-random.ts';
import { print } from './lines.ts';
import { orderIdOf, type Phase, type Settings, uri } from './settings.ts';

type InitiatorSettings = NonNullable<Settings['initiator']>;
interface Change {
  readonly messageId: string;
  readonly orderId: string;
  readonly status: string;
}

/** Changes are written and published this often, in milliseconds. */
const TICK = 50;
/** A held-back event is published this many ticks after its change. */
const LATE_TICKS = 12;

/**
 * MES or CRM: in each tick it changes the status of some orders in one transaction and, after the commit, publishes
 * each change as an event with its own clock's time. Some events are published twice, some late and so out of order.
 */
export async function runInitiator(settings: Settings, me: InitiatorSettings): Promise<void> {
  const random = seededRandom(me.seed);
  const database = new pg.Pool({ connectionString: uri('DATABASE_URI'), max: 2, statement_timeout: 20_000 });
  const publisher = createPublisher({ uri: uri('AMQP_URI'), exchange: me.exchange, maxInFlight: 2000 });
  const counted = { changes: 0, events: 0, duplicates: 0, late: 0 };
  const held: { dueTick: number; change: Change }[] = [];
  let tick = 0;

  const publish = async (changes: Change[], again = false): Promise<void> => {
    if (changes.length === 0) return;
    const publishedAt = Date.now();
    await Promise.all(
      changes.map(({ messageId, orderId, status }) =>
        publisher.publish(
          { orderId, status, timestamp: new Date(publishedAt + me.clockOffsetMilliseconds) },
          { messageId, routingKey: `${me.routingKey}.${status}` },
        ),
      ),
    );
    counted.events += changes.length;
    print({
      kind: 'published',
      initiator: me.name,
      again,
      messages: changes.map(({ messageId }) => [messageId, publishedAt]),
    });
  };

  const oneTick = async (changesPerTick: number): Promise<void> => {
    const wanted = wholePart(changesPerTick, random);
    const changes = await changeOrders(database, pick(wanted, settings, me, random));
    counted.changes += changes.length;
    const late = changes.filter(() => random() < me.lateShare);
    held.push(...late.map((change) => ({ dueTick: tick + LATE_TICKS, change })));
    const prompt = changes.filter((change) => !late.includes(change));
    await publish(prompt);
    const due = held.filter(({ dueTick }) => dueTick <= tick);
    held.splice(0, due.length);
    counted.late += due.length;
    await publish(due.map(({ change }) => change));
    const twice = prompt.filter(() => random() < me.duplicateShare);
    counted.duplicates += twice.length;
    await publish(twice, true);
    tick += 1;
  };

  if (me.malformed) await publishMalformed(me);
  for (const phase of me.phases) await runPhase(phase, oneTick);
  await publish(held.map(({ change }) => change));
  counted.late += held.length;
  await publisher.close();
  await database.end();
  print({ kind: 'initiator-done', initiator: me.name, ...counted });
}

async function runPhase(phase: Phase, oneTick: (changes: number) => Promise<void>): Promise<void> {
  const start = Date.now();
  const ticks = Math.round((phase.seconds * 1000) / TICK);
  for (let done = 0; done < ticks; done += 1) {
    await oneTick((phase.changesPerSecond * TICK) / 1000);
    const ahead = start + (done + 1) * TICK - Date.now();
    if (ahead > 0) await sleep(ahead);
  }
}

function wholePart(amount: number, random: () => number): number {
  return Math.floor(amount) + (random() < amount % 1 ? 1 : 0);
}

function pick(count: number, settings: Settings, me: InitiatorSettings, random: () => number): Change[] {
  const chosen = new Map<string, Change>();
  for (let i = 0; i < count; i += 1) {
    const orderId = orderIdOf(Math.floor(random() * settings.orders));
    const status = me.statuses[Math.floor(random() * me.statuses.length)] ?? 'UNKNOWN';
    chosen.set(orderId, { messageId: randomUUID(), orderId, status });
  }
  return [...chosen.values()];
}

/** Rows are locked in the order of their ids, so that MES and CRM cannot wait for each other. */
async function changeOrders(database: pg.Pool, changes: Change[]): Promise<Change[]> {
  if (changes.length === 0) return changes;
  const sorted = [...changes].sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
  await database.query(
    `WITH change AS (SELECT * FROM unnest($1::text[], $2::text[]) AS c(id, status)),
          locked AS (SELECT o.id FROM orders o JOIN change USING (id) ORDER BY o.id FOR UPDATE)
     UPDATE orders o SET status = change.status, version = o.version + 1, updated_at = now()
       FROM change JOIN locked USING (id) WHERE o.id = change.id`,
    [sorted.map(({ orderId }) => orderId), sorted.map(({ status }) => status)],
  );
  return changes;
}

/** Truncated JSON, published with the plain client: the publisher would refuse it. */
async function publishMalformed(me: InitiatorSettings): Promise<void> {
  const messageId = randomUUID();
  const connection = await connect(uri('AMQP_URI'), { timeout: 5000 });
  const channel = await connection.createConfirmChannel();
  const body = Buffer.from('{"orderId": "A-000001", "status": ');
  channel.publish(me.exchange, `${me.routingKey}.broken`, body, { messageId, persistent: true });
  await channel.waitForConfirms();
  await connection.close();
  print({ kind: 'malformed', messageId });
}
