import type { RabbitMqCredentials } from './connection-credentials.ts';
import { QueueGauge } from './rabbitmq-queue-gauge.ts';

interface Shared {
  readonly key: string;
  readonly gauge: QueueGauge;
  readonly users: Set<string>;
}

/** One AMQP connection to each broker, vhost and user, shared by the policies that use it. */
export class SamplerGauges {
  readonly #byKey = new Map<string, Shared>();
  readonly #byPolicy = new Map<string, Shared>();

  use(policyUid: string, credentials: RabbitMqCredentials): QueueGauge {
    const key = keyOf(credentials);
    const present = this.#byPolicy.get(policyUid);
    if (present?.key === key) return present.gauge;
    const shared = this.#byKey.get(key) ?? {
      key,
      gauge: new QueueGauge(credentials),
      users: new Set<string>(),
    };
    this.leave(policyUid);
    this.#byKey.set(key, shared);
    shared.users.add(policyUid);
    this.#byPolicy.set(policyUid, shared);
    return shared.gauge;
  }

  leave(policyUid: string): void {
    const shared = this.#byPolicy.get(policyUid);
    if (shared === undefined) return;
    this.#byPolicy.delete(policyUid);
    shared.users.delete(policyUid);
    if (shared.users.size > 0) return;
    this.#byKey.delete(shared.key);
    void shared.gauge.close();
  }

  async close(): Promise<void> {
    const gauges = [...this.#byKey.values()].map(({ gauge }) => gauge);
    this.#byKey.clear();
    this.#byPolicy.clear();
    await Promise.all(gauges.map((gauge) => gauge.close()));
  }
}

function keyOf({ tlsEnabled, host, port, vhost, username, password, tls }: RabbitMqCredentials): string {
  return JSON.stringify([tlsEnabled, host, port, vhost, username, password, tls.ca, tls.cert, tls.key]);
}
