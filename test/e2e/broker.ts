import { connect } from 'amqplib';
import { type Account, VHOST } from '../../demo/manifests-accounts.ts';
import type { Connections } from './connections.ts';

/** RabbitMQ as somebody sees it who looks at it, or meddles with it, by hand. */
export class BrokerByHand {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async queues(): Promise<string[]> {
    const list = (await this.management('GET', `queues/${VHOST}`)) as { name: string }[];
    return list.map(({ name }) => name).sort();
  }

  async bindings(queue: string): Promise<string[]> {
    const list = (await this.management('GET', `queues/${VHOST}/${queue}/bindings`)) as {
      source: string;
      routing_key: string;
    }[];
    const declared = list.filter(({ source }) => source !== '');
    return declared.map(({ source, routing_key }) => `${source} ${routing_key}`).sort();
  }

  /** With the rights of the operator's account. */
  async unbind(queue: string, exchange: string, routingKey: string): Promise<void> {
    const between = `bindings/${VHOST}/e/${exchange}/q/${queue}`;
    const list = (await this.management('GET', between)) as { routing_key: string; properties_key: string }[];
    const key = list.find(({ routing_key }) => routing_key === routingKey)?.properties_key ?? routingKey;
    await this.management('DELETE', `${between}/${encodeURIComponent(key)}`, undefined, 'operator');
  }

  async bind(queue: string, exchange: string, routingKey: string): Promise<void> {
    const between = `bindings/${VHOST}/e/${exchange}/q/${queue}`;
    await this.management('POST', between, { routing_key: routingKey, arguments: {} }, 'operator');
  }

  /** Messages that wait, counted by the queue itself. */
  async ready(queue: string): Promise<number> {
    const connection = await connect(this.#connections.amqp('auditor'), { timeout: 5_000 });
    try {
      return (await (await connection.createChannel()).checkQueue(queue)).messageCount;
    } finally {
      await connection.close();
    }
  }

  /** Headers of the messages in a queue, which stay there. */
  async headers(queue: string): Promise<{ messageId: string; headers: Record<string, unknown> }[]> {
    const body = { count: 100, ackmode: 'ack_requeue_true', encoding: 'auto' };
    const messages = (await this.management('POST', `queues/${VHOST}/${queue}/get`, body)) as {
      properties: { message_id: string; headers: Record<string, unknown> };
    }[];
    return messages.map(({ properties }) => ({
      messageId: properties.message_id,
      headers: properties.headers,
    }));
  }

  async purge(queue: string): Promise<void> {
    await this.management('DELETE', `queues/${VHOST}/${queue}/contents`);
  }

  async management(
    method: string,
    path: string,
    body?: object,
    account: Account = 'auditor',
  ): Promise<unknown> {
    const { management, managementLogin } = this.#connections;
    const response = await fetch(`${management}/api/${path}`, {
      method,
      headers: { authorization: `Basic ${managementLogin(account)}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(10_000),
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: expected success, got ${response.status}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }
}
