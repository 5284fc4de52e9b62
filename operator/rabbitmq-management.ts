/** The broker's nouns over its management API: one function of the API is one method here, and nothing is decided. */
import type { ManagementCredentials } from './connection-credentials.ts';
import { BrokerFailure } from './rabbitmq-failure.ts';
import { openManagementSession } from './rabbitmq-request.ts';
import type { Binding, ExchangeDeclaration, QueueDeclaration } from './topology-desired.ts';
import type { BrokerPolicy, ObservedBinding, ObservedExchange, ObservedQueue } from './topology-observed.ts';

/** Every method rejects with BrokerFailure only, within 10 s. */
export interface Management {
  /** Undefined: it does not exist. */
  exchange(name: string): Promise<ObservedExchange | undefined>;
  /** All of the vhost. */
  queues(): Promise<ObservedQueue[]>;
  /** Without the default exchange's. Empty when the queue does not exist. */
  bindingsOf(queue: string): Promise<ObservedBinding[]>;
  /** Undefined: this user may not read them. */
  policies(kind: 'policies' | 'operator-policies'): Promise<BrokerPolicy[] | undefined>;
  declareExchange(exchange: ExchangeDeclaration): Promise<void>;
  declareQueue(queue: QueueDeclaration): Promise<void>;
  bind(binding: Binding): Promise<void>;
  /** What is gone is done. */
  unbind(binding: ObservedBinding): Promise<void>;
  deleteQueue(name: string): Promise<void>;
  deleteExchange(name: string): Promise<void>;
  close(): Promise<void>;
}

const PAGE = 500;

export function openManagement(credentials: ManagementCredentials): Management {
  const { request, close } = openManagementSession(credentials);
  const path = (...parts: string[]) => parts.map(encodeURIComponent).join('/');
  const { vhost } = credentials;
  const get = async (from: string) => request('GET', from);
  const remove = async (what: string) => {
    await unlessMissing(request('DELETE', what));
  };
  return {
    exchange: async (name) => exchangeOf(await unlessMissing(get(path('exchanges', vhost, name)))),
    queues: () => allQueues(get, path('queues', vhost)),
    bindingsOf: async (queue) => {
      const list = await unlessMissing(get(`${path('queues', vhost, queue)}/bindings`));
      return records(list)
        .map(bindingOf)
        .filter(({ exchange }) => exchange !== '');
    },
    policies: async (kind) => {
      const list = await unlessRefused(get(path(kind, vhost)));
      return list === undefined ? undefined : records(list).map(policyOf);
    },
    declareExchange: async ({ name, type }) => {
      await request('PUT', path('exchanges', vhost, name), { type, durable: true });
    },
    declareQueue: async ({ name, arguments: args }) => {
      await request('PUT', path('queues', vhost, name), { durable: true, arguments: args });
    },
    bind: async ({ exchange, queue, routingKey }) => {
      const body = { routing_key: routingKey, arguments: {} };
      await request('POST', path('bindings', vhost, 'e', exchange, 'q', queue), body);
    },
    unbind: ({ exchange, queue, propertiesKey }) =>
      remove(path('bindings', vhost, 'e', exchange, 'q', queue, propertiesKey)),
    deleteQueue: (name) => remove(path('queues', vhost, name)),
    deleteExchange: (name) => remove(path('exchanges', vhost, name)),
    close,
  };
}

async function unlessMissing(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) => {
    if (error instanceof BrokerFailure && error.kind === 'NotFound') return undefined;
    throw error;
  });
}

async function unlessRefused(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) => {
    if (error instanceof BrokerFailure && error.kind === 'AccessRefused') return undefined;
    throw error;
  });
}

async function allQueues(get: (path: string) => Promise<unknown>, path: string): Promise<ObservedQueue[]> {
  const columns = 'columns=name,durable,arguments,effective_policy_definition';
  const queues: ObservedQueue[] = [];
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const answer = record(await get(`${path}?page=${page}&page_size=${PAGE}&${columns}`));
    if (!Array.isArray(answer.items) || typeof answer.page_count !== 'number') throw unexpected(path);
    queues.push(...records(answer.items).map(queueOf));
    pages = answer.page_count;
  }
  return queues;
}

/** Something else answers, a proxy for example: nothing may be concluded from it. */
function unexpected(path: string): BrokerFailure {
  return new BrokerFailure('Unavailable', `RabbitMQ management API: ${path}: expected a page of queues`);
}

type Json = Readonly<Record<string, unknown>>;

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function records(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function exchangeOf(answer: unknown): ObservedExchange | undefined {
  if (answer === undefined) return undefined;
  const { name, type, durable } = record(answer);
  return { name: String(name), type: String(type), durable: durable === true };
}

function queueOf({
  name,
  durable,
  arguments: args,
  effective_policy_definition: policy,
}: Json): ObservedQueue {
  return {
    name: String(name),
    durable: durable === true,
    arguments: record(args),
    effectivePolicy: policy === undefined ? undefined : record(policy),
  };
}

function bindingOf({
  source,
  destination,
  routing_key,
  properties_key,
  arguments: args,
}: Json): ObservedBinding {
  return {
    exchange: String(source),
    queue: String(destination),
    routingKey: String(routing_key),
    propertiesKey: String(properties_key),
    hasArguments: Object.keys(record(args)).length > 0,
  };
}

function policyOf({ name, pattern, priority, definition, 'apply-to': applyTo }: Json): BrokerPolicy {
  return {
    name: String(name),
    pattern: String(pattern),
    applyTo: String(applyTo),
    priority: Number(priority),
    definition: record(definition),
  };
}
