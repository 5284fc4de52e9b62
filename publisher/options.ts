import type { CloudEventSettings } from '../api/cloud-event-encode.ts';
import type { OrderEvent } from '../api/event.ts';
import { DEFAULT_EVENT, DEFAULT_POINTERS, type EventSettings } from '../api/worker-config.ts';

/** Where the broker is, and who asks. */
export interface BrokerOptions {
  /** `amqp://` or `amqps://` with host, optional port, user, password and virtual host, percent-encoded. */
  readonly uri: string;
  /** Overrides the user in the URI. */
  readonly username?: string;
  /** Overrides the password in the URI. */
  readonly password?: string;
  /** For amqps, PEM. Without `ca` the system's certificate authorities are trusted. Always verified. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Between heartbeats, in seconds; a silent broker is given up after two. Default: 10. */
  readonly heartbeatSeconds?: number;
}

export interface PublisherOptions extends BrokerOptions {
  /** The exchange to publish to; it must exist. */
  readonly exchange: string;
  /** The routing key or how to make it; may be given with each event instead. */
  readonly routingKey?: string | ((event: OrderEvent) => string);
  /** How the policy reads events (spec.event), where it differs from the defaults of the resource. */
  readonly event?: Partial<EventSettings>;
  /** With `event.format` CloudEvents: source, type and content mode. */
  readonly cloudEvents?: CloudEventSettings;
  /** Whether an event that no queue takes is an error. Default: true. */
  readonly mandatory?: boolean;
  /** How long `publish` takes at most, in milliseconds, reconnecting included. Default: 10000. */
  readonly timeoutMilliseconds?: number;
  /** Events sent and not yet confirmed; further ones wait their turn. Default: 1000. */
  readonly maxInFlight?: number;
  /** Told about each lost or failed connection. What it throws is ignored. Default: nobody is told. */
  readonly onConnectionError?: (error: Error) => void;
}

export interface PublisherSettings {
  readonly server: BrokerAddress;
  readonly exchange: string;
  readonly routingKey: string | ((event: OrderEvent) => string) | undefined;
  readonly event: EventSettings;
  readonly cloudEvents: CloudEventSettings | undefined;
  readonly mandatory: boolean;
  readonly timeoutMilliseconds: number;
  readonly maxInFlight: number;
  readonly onConnectionError: (error: Error) => void;
}

export interface BrokerAddress {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly vhost: string;
  readonly username: string;
  readonly password: string;
  readonly heartbeatSeconds: number;
  readonly tls: NonNullable<BrokerOptions['tls']>;
}

/** Checks the options once. @throws TypeError that names the option, what was expected and what came. */
export function publisherSettings(options: PublisherOptions): PublisherSettings {
  const { exchange, routingKey, mandatory = true, onConnectionError = () => {} } = options;
  if (typeof exchange !== 'string' || Buffer.byteLength(exchange) > 255)
    throw new TypeError('exchange: expected a name of at most 255 bytes');
  return {
    server: brokerAddress(options),
    exchange,
    routingKey,
    event: eventSettings(options.event),
    cloudEvents: options.cloudEvents,
    mandatory,
    timeoutMilliseconds: wholeNumber('timeoutMilliseconds', options.timeoutMilliseconds ?? 10_000, 3_600_000),
    maxInFlight: wholeNumber('maxInFlight', options.maxInFlight ?? 1000, 65_535),
    onConnectionError,
  };
}

/** What the resource's spec.event means with these fields given and the others left out. */
export function eventSettings(given: Partial<EventSettings> = {}): EventSettings {
  return { ...DEFAULT_EVENT, ...DEFAULT_POINTERS[given.format ?? DEFAULT_EVENT.format], ...given };
}

/** @throws TypeError that names the option */
export function wholeNumber(option: string, value: number, maximum: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= maximum) return value;
  throw new TypeError(`${option}: expected a whole number from 1 to ${maximum}, got ${String(value)}`);
}

/** @throws TypeError that names the option and never its value */
export function brokerAddress(options: BrokerOptions): BrokerAddress {
  const url = parsedUri(options.uri);
  const protocol = url.protocol === 'amqps:' ? 'amqps' : 'amqp';
  const { username = decoded(url.username) || 'guest', password = decoded(url.password) || 'guest' } =
    options;
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (protocol === 'amqps' ? 5671 : 5672),
    vhost: decoded(url.pathname.slice(1)) || '/',
    username,
    password,
    heartbeatSeconds: wholeNumber('heartbeatSeconds', options.heartbeatSeconds ?? 10, 3600),
    tls: options.tls ?? {},
  };
}

function parsedUri(uri: string): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url !== undefined && /^amqps?:$/.test(url.protocol) && url.hostname !== '') return url;
  throw new TypeError('uri: expected amqp:// or amqps:// with a host, special characters percent-encoded');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new TypeError('uri: expected user, password and virtual host percent-encoded');
  }
}
