import type { WorkerInstallation } from './desired-pod.ts';

/** What the operator is started with: environment variables, checked once. */
export interface Settings {
  /** First part of the owner of queues and TTL tables, unique among all that share a broker or a Redis. Absent: the cluster's. */
  readonly installation: string | undefined;
  /** Empty: all namespaces. */
  readonly watchNamespaces: readonly string[];
  readonly worker: WorkerInstallation;
  readonly logLevel: LogLevel;
  /** /healthz, /readyz and /metrics. */
  readonly httpPort: number;
  /** Holder of the leader lease. */
  readonly podName: string;
  /** Where the leader lease is. */
  readonly podNamespace: string;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];
const BOOLEANS = ['true', 'false'] as const;
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws an Error of one line that names the variable, what was expected and what came. */
export function readSettings(environment: Environment): Settings {
  return {
    installation: optionalMatching(environment, 'ORDERCACHE_INSTALLATION', DNS_LABEL, 'a DNS label'),
    watchNamespaces: list(environment, 'ORDERCACHE_WATCH_NAMESPACES', DNS_LABEL),
    worker: {
      image: required(environment, 'ORDERCACHE_WORKER_IMAGE', 'an image reference'),
      imagePullPolicy: optionalOneOf(environment, 'ORDERCACHE_WORKER_IMAGE_PULL_POLICY', PULL_POLICIES),
      imagePullSecrets: list(environment, 'ORDERCACHE_WORKER_IMAGE_PULL_SECRETS', NAME),
      serviceAccountAnnotations: stringMap(environment, 'ORDERCACHE_WORKER_SERVICE_ACCOUNT_ANNOTATIONS'),
      logLevel: oneOf(environment, 'ORDERCACHE_WORKER_LOG_LEVEL', LOG_LEVELS, 'info'),
      fixedUserId: oneOf(environment, 'ORDERCACHE_WORKER_FIXED_USER_ID', BOOLEANS, 'true') === 'true',
    },
    logLevel: oneOf(environment, 'ORDERCACHE_LOG_LEVEL', LOG_LEVELS, 'info'),
    httpPort: port(environment, 'ORDERCACHE_HTTP_PORT', 8080),
    podName: matching(environment, 'POD_NAME', NAME, 'the name of a pod'),
    podNamespace: matching(environment, 'POD_NAMESPACE', DNS_LABEL, 'a namespace'),
  };
}

function read(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim() || undefined;
}

function refuse(name: string, expected: string, value: string | undefined): never {
  throw new Error(
    `${name}: expected ${expected}, got ${value === undefined ? 'nothing' : JSON.stringify(value)}`,
  );
}

function required(environment: Environment, name: string, expected: string): string {
  return read(environment, name) ?? refuse(name, expected, undefined);
}

function matching(environment: Environment, name: string, form: RegExp, expected: string): string {
  return optionalMatching(environment, name, form, expected) ?? refuse(name, expected, undefined);
}

function optionalMatching(
  environment: Environment,
  name: string,
  form: RegExp,
  expected: string,
): string | undefined {
  const value = read(environment, name);
  return value === undefined || form.test(value) ? value : refuse(name, expected, value);
}

function oneOf<T extends string>(
  environment: Environment,
  name: string,
  words: readonly T[],
  fallback: T,
): T {
  return optionalOneOf(environment, name, words) ?? fallback;
}

function optionalOneOf<T extends string>(
  environment: Environment,
  name: string,
  words: readonly T[],
): T | undefined {
  const value = read(environment, name);
  if (value === undefined) return undefined;
  return words.find((word) => word === value) ?? refuse(name, `one of ${words.join(', ')}`, value);
}

function list(environment: Environment, name: string, form: RegExp): readonly string[] {
  const items = (read(environment, name) ?? '').split(',').map((item) => item.trim());
  const named = items.filter((item) => item !== '');
  const wrong = named.find((item) => !form.test(item));
  return wrong === undefined ? [...new Set(named)] : refuse(name, 'a comma-separated list of names', wrong);
}

function stringMap(environment: Environment, name: string): Readonly<Record<string, string>> {
  const value = read(environment, name) ?? '{}';
  const expected = 'a JSON object with string values';
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return refuse(name, expected, value);
  }
  const isMap = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  if (!isMap || Object.values(parsed as object).some((item) => typeof item !== 'string')) {
    return refuse(name, expected, value);
  }
  return parsed as Record<string, string>;
}

function port(environment: Environment, name: string, fallback: number): number {
  const value = read(environment, name) ?? `${fallback}`;
  const number = Number(value);
  const isPort = /^\d+$/.test(value) && number >= 0 && number <= 65535;
  return isPort ? number : refuse(name, 'a port number from 0 to 65535', value);
}
