import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConfirmChannel } from 'amqplib';
import type { OrderCachePolicy } from '../../api/policy.ts';
import type { ManagementCredentials } from '../../operator/connection-credentials.ts';
import type { Topology, TopologyResult } from '../../operator/ports.ts';
import { createTopology } from '../../operator/topology.ts';
import { type Scope, type TestVhost, testVhost } from '../servers/index.ts';
import { credentialsFor } from './operator-policy.ts';

/** A virtual host with the exchange `mes` of somebody else, and the operator's topology on it. */
export interface Broker {
  readonly v: TestVhost;
  readonly credentials: ManagementCredentials;
  readonly topology: Topology;
  readonly channel: ConfirmChannel;
  /** The management API, path relative to the virtual host: `at('GET', 'queues', '/q1')`. */
  at(method: string, kind: string, rest?: string, body?: unknown): Promise<unknown>;
  /** Sorted, without the default exchange's: `exchange routingKey -> queue`. */
  bindings(): Promise<string[]>;
  queues(): Promise<string[]>;
  /** Reconciles and expects that it worked. */
  declared(policy: OrderCachePolicy): Promise<Extract<TopologyResult, { kind: 'Declared' }>>;
  publish(exchange: string, routingKey: string, body: string): Promise<void>;
  /** Waits until the queue holds so many ready messages; at most 30 s. */
  holds(queue: string, messages: number): Promise<void>;
}

export const INSTALLATION = 'test';

export async function broker(t: Scope): Promise<Broker> {
  const v = await testVhost(t);
  const credentials = credentialsFor(v.amqpUri, v.managementUri, v.vhost);
  const topology = createTopology({ installation: INSTALLATION, mayWrite: () => {} });
  const connection = await v.connect();
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  await channel.assertExchange('mes', 'topic', { durable: true });
  const at = (method: string, kind: string, rest = '', body?: unknown) =>
    v.management(method, `${kind}/${v.vhost}${rest}`, body);
  const declared = async (policy: OrderCachePolicy) => {
    const result = await topology.reconcile(policy, credentials);
    if (result.kind === 'Problem') throw new Error(`${result.reason}: ${result.message}`);
    return result;
  };
  const publish = async (exchange: string, routingKey: string, body: string) => {
    channel.publish(exchange, routingKey, Buffer.from(body), { persistent: true });
    await channel.waitForConfirms();
  };
  return {
    v,
    credentials,
    topology,
    channel,
    at,
    declared,
    publish,
    bindings: async () => sortedBindings((await at('GET', 'bindings')) as BindingAnswer[]),
    queues: async () => ((await at('GET', 'queues')) as { name: string }[]).map(({ name }) => name).sort(),
    holds: (queue, messages) => holds(channel, queue, messages),
  };
}

interface BindingAnswer {
  readonly source: string;
  readonly routing_key: string;
  readonly destination: string;
}

function sortedBindings(list: BindingAnswer[]): string[] {
  const ours = list.filter(({ source }) => source !== '');
  return ours.map((each) => `${each.source} ${each.routing_key} -> ${each.destination}`).sort();
}

async function holds(channel: Channel, queue: string, messages: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  let seen = -1;
  while (Date.now() < deadline) {
    seen = (await channel.checkQueue(queue)).messageCount;
    if (seen === messages) return;
    await sleep(50);
  }
  throw new Error(`queue ${queue}: expected ${messages} ready messages, it has ${seen}`);
}
