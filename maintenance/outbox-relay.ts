import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import type { RelayReport } from '../api/maintenance.ts';
import { createOutboxRelay, type OutboxRelay } from '../publisher/index.ts';
import { type DatabaseCredentials, databaseCredentials, type SecretFiles } from '../worker/credentials.ts';
import { LogLimit } from '../worker/log-limit.ts';

const CONNECT_TIMEOUT = 3_000;
/** For new credentials to show that they work, in milliseconds. */
const PROOF_WITHIN = 10_000;

/** A relay with one set of credentials, and the pool that it takes its connection from. */
export class RunningRelay {
  readonly #relay: OutboxRelay;
  readonly #pool: pg.Pool;

  /** @throws InvalidCredentials, or TypeError that names the option, never the value */
  constructor(rabbitmq: SecretFiles, database: SecretFiles, table: string, log: Logger) {
    this.#pool = poolOf(databaseCredentials(database, 'outbox-database'));
    const limit = new LogLimit(3);
    const admitted = (kind: string, tell: (suppressed: number) => void) => {
      const suppressed = limit.admit(kind, Date.now());
      if (suppressed !== undefined) tell(suppressed);
    };
    this.#relay = createOutboxRelay({
      database: this.#pool,
      rabbitmq: brokerOptions(rabbitmq),
      table,
      onTrouble: ({ message }) =>
        admitted(message, (suppressed) => log.warn({ reason: message, suppressed }, 'the relay is held up')),
      onFailure: (failure) =>
        admitted(failure.reason, (suppressed) =>
          log.error({ ...failure, suppressed }, 'an event of the outbox is not taken'),
        ),
    });
  }

  report(): RelayReport {
    return this.#relay.status();
  }

  /** Resolves when both connections stand. @throws Error when they do not within some seconds */
  async proven(): Promise<void> {
    const deadline = Date.now() + PROOF_WITHIN;
    for (;;) {
      const { broker, database } = this.#relay.status();
      if (broker === 'Up' && database === 'Up') return;
      if (Date.now() > deadline) throw new Error(`outbox relay: broker ${broker}, database ${database}`);
      await sleep(100);
    }
  }

  /** Finishes the batch in hand. Never rejects. */
  async close(): Promise<void> {
    await this.#relay.close().catch(() => undefined);
    await this.#pool.end().catch(() => undefined);
  }
}

function brokerOptions(files: SecretFiles) {
  const { uri = '', username, password, 'ca.crt': ca, 'tls.crt': cert, 'tls.key': key } = files;
  return {
    uri,
    ...(username && { username }),
    ...(password && { password }),
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  };
}

/** On a replica the relay cannot lock rows, and says so as trouble. */
function poolOf({ tls, ...login }: DatabaseCredentials): pg.Pool {
  const pool = new pg.Pool({
    ...login,
    ssl: tls === undefined ? false : { ...tls, rejectUnauthorized: true },
    application_name: 'order-cache-outbox-relay',
    max: 2,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    keepAlive: true,
  });
  pool.on('error', () => undefined);
  return pool;
}
