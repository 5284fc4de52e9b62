import { WORKER_ENVIRONMENT, WORKER_HTTP_PORT } from '../api/worker-config.ts';

/** The environment of a worker process, checked. */
export interface Environment {
  readonly configFile: string;
  readonly configHash: string;
  readonly credentialsDirectory: string;
  readonly httpPort: number;
  readonly logLevel: LogLevel;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type EnvironmentResult =
  | { readonly kind: 'Valid'; readonly environment: Environment }
  /** One line that names the variable and what was expected. */
  | { readonly kind: 'Invalid'; readonly message: string };

class InvalidVariable extends Error {}

/** Pure: the variables come as an argument. */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): EnvironmentResult {
  const names = WORKER_ENVIRONMENT;
  try {
    const environment = {
      configFile: required(variables, names.configFile),
      configHash: matching(variables, names.configHash, /^[0-9a-f]{16}$/, '16 hexadecimal digits'),
      credentialsDirectory: required(variables, names.credentialsDirectory),
      httpPort: port(variables, names.httpPort),
      logLevel: logLevel(variables, names.logLevel),
    };
    return { kind: 'Valid', environment };
  } catch (error) {
    if (error instanceof InvalidVariable) return { kind: 'Invalid', message: error.message };
    throw error;
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

function required(variables: Variables, name: string): string {
  const value = variables[name];
  if (value === undefined || value === '') throw new InvalidVariable(`${name}: expected a value, got none`);
  return value;
}

function matching(variables: Variables, name: string, pattern: RegExp, expected: string): string {
  const value = required(variables, name);
  if (!pattern.test(value)) throw new InvalidVariable(`${name}: expected ${expected}`);
  return value;
}

function port(variables: Variables, name: string): number {
  const text = variables[name] ?? String(WORKER_HTTP_PORT);
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65535) {
    throw new InvalidVariable(`${name}: expected a port from 0 to 65535`);
  }
  return value;
}

function logLevel(variables: Variables, name: string): LogLevel {
  const text = variables[name] ?? 'info';
  const level = LOG_LEVELS.find((each) => each === text);
  if (level === undefined) throw new InvalidVariable(`${name}: expected one of ${LOG_LEVELS.join(', ')}`);
  return level;
}
