import { uri } from './settings.ts';

/** One request to RabbitMQ's management API, about the vhost of AMQP_URI. Deadline: 10 s. */
export async function management<T>(
  method: 'GET' | 'POST' | 'DELETE',
  path: (vhost: string) => string,
  body?: object,
): Promise<T> {
  const broker = new URL(uri('AMQP_URI'));
  const origin = new URL(uri('AMQP_MANAGEMENT_URI')).origin;
  const login = `${decodeURIComponent(broker.username)}:${decodeURIComponent(broker.password)}`;
  const response = await fetch(`${origin}/api/${path(broker.pathname.slice(1) || '%2F')}`, {
    method,
    headers: { authorization: `Basic ${btoa(login)}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`management API: expected success, got ${response.status}`);
  return (response.status === 204 ? undefined : await response.json()) as T;
}
