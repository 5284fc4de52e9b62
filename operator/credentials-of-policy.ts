import type { OrderCachePolicy } from '../api/policy.ts';
import type { RedisCredentials } from '../cache/ttl-table-redis.ts';
import type { ManagementCredentials, Parsed, SecretData } from './connection-credentials.ts';
import {
  parseManagementCredentials,
  parseRabbitMqCredentials,
  parseRedisCredentials,
  redisIdentity,
} from './credentials.ts';
import type { Problem } from './ports.ts';
import type { SecretReader, SecretState } from './secret-reader.ts';
import { connectionSecrets, maintenanceSecrets } from './worker-route.ts';

/** The referenced Secrets of a policy, read and parsed. A problem names the field and the key, never a value. */
export interface PolicyCredentials {
  readonly management: ManagementCredentials | undefined;
  readonly redis: RedisCredentials | undefined;
  readonly problems: readonly Problem[];
  /** Changes with each change of a Secret that the operator itself uses. */
  readonly version: string;
  /** Broker and vhost; undefined while unknown. */
  readonly brokerIdentity: string | undefined;
  readonly redisIdentity: string | undefined;
}

/** Throws KubernetesError when the API server cannot be asked. */
export async function credentialsOf(
  policy: OrderCachePolicy,
  secrets: SecretReader,
): Promise<PolicyCredentials> {
  const { rabbitmq, redis, database, outbox } = policy.spec;
  const read = async <C>(field: string, name: string, parse: (data: SecretData) => Parsed<C>) =>
    reference(field, name, await secrets.read(policy.metadata.namespace, name), parse);

  const [management, connection, cache, orders, outboxRows, outboxBroker] = await Promise.all([
    read('spec.rabbitmq.managementSecretRef', rabbitmq.managementSecretRef.name, parseManagementCredentials),
    read('spec.rabbitmq.connectionSecretRef', rabbitmq.connectionSecretRef.name, parseRabbitMqCredentials),
    read('spec.redis.connectionSecretRef', redis.connectionSecretRef.name, parseRedisCredentials),
    database &&
      read('spec.database.connectionSecretRef', database.connectionSecretRef.name, parseDatabaseCredentials),
    outbox && read('spec.outbox.databaseSecretRef', outbox.databaseSecretRef.name, parseDatabaseCredentials),
    outbox && read('spec.outbox.rabbitmqSecretRef', outbox.rabbitmqSecretRef.name, parseRabbitMqCredentials),
  ]);
  const optional = [orders, outboxRows, outboxBroker].filter((one) => one !== undefined);
  const all = [management, connection, cache, ...optional];
  return {
    management: management.credentials,
    redis: cache.credentials,
    problems: [sharedManagementSecret(policy), ...all.map(({ problem }) => problem)].filter(
      (problem) => problem !== undefined,
    ),
    version: `${management.version}/${cache.version}`,
    brokerIdentity: management.credentials && brokerIdentity(management.credentials),
    redisIdentity: cache.credentials && redisIdentity(cache.credentials),
  };
}

/** What workers and the maintenance pod mount may not be what the operator manages the broker with. */
function sharedManagementSecret(policy: OrderCachePolicy): Problem | undefined {
  const { name } = policy.spec.rabbitmq.managementSecretRef;
  const secrets = [...connectionSecrets(policy), ...maintenanceSecrets(policy)];
  const mounted = secrets.find(([, secret]) => secret === name);
  if (mounted === undefined) return undefined;
  const message =
    `spec.rabbitmq.managementSecretRef: expected a Secret of its own, got ${name}, which pods mount for the ` +
    `${mounted[0]} connection`;
  return problem('InvalidSpec', message);
}

interface Reference<C> {
  readonly version: string;
  readonly credentials?: C;
  readonly problem?: Problem;
}

function reference<C>(
  field: string,
  name: string,
  state: SecretState,
  parse: (data: SecretData) => Parsed<C>,
): Reference<C> {
  switch (state.kind) {
    case 'Missing':
      return { version: '', problem: problem('SecretNotFound', `${field}: Secret ${name} does not exist`) };
    case 'Forbidden': {
      const message = `${field}: the operator may not read Secret ${name}; its Role must name it`;
      return { version: '', problem: problem('SecretNotFound', message) };
    }
    case 'Found': {
      const parsed = parse(state.data);
      if (parsed.kind === 'Credentials') return { version: state.version, credentials: parsed.credentials };
      const message = `${field}: Secret ${name}: ${parsed.message}`;
      return { version: state.version, problem: problem('SecretInvalid', message) };
    }
  }
}

function problem(reason: 'SecretNotFound' | 'SecretInvalid' | 'InvalidSpec', message: string): Problem {
  return { kind: 'Problem', reason, message, retryable: false };
}

/** Only workers connect to the database; what the operator can see is that the key is there. */
function parseDatabaseCredentials(data: SecretData): Parsed<null> {
  const uri = data.uri?.trim();
  if (uri !== undefined && /^postgres(ql)?:\/\//.test(uri)) return { kind: 'Credentials', credentials: null };
  const got = uri === undefined ? 'nothing' : 'something else';
  return {
    kind: 'Problem',
    reason: 'SecretInvalid',
    message: `key uri: expected postgres://..., got ${got}`,
    retryable: false,
  };
}

function brokerIdentity({ host, port, vhost }: ManagementCredentials): string {
  return `${host}:${port}/${encodeURIComponent(vhost)}`;
}
