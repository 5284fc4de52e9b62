import { k8s } from 'cdk8s-plus-27';
import { type Account, type Accounts, DATABASE } from './manifests-accounts.ts';
import type { Server } from './manifests-server.ts';

const schema = `CREATE TABLE orders (
  id text PRIMARY KEY,
  status text NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now()
);
`;

const rights: Partial<Record<Account, string>> = {
  worker: 'SELECT ON orders',
  readers: 'SELECT ON orders',
  auditor: 'SELECT ON orders',
  mes: 'SELECT, INSERT, UPDATE ON orders',
  crm: 'SELECT, INSERT, UPDATE ON orders',
  relay: 'SELECT, DELETE, UPDATE (attempts, next_attempt_at, last_error) ON order_outbox',
};

/** Roles with their passwords. A table that another account creates is nobody else's. */
export function rolesSql(accounts: Accounts): string {
  const present = (Object.entries(rights) as [Account, string][]).filter(([account]) =>
    accounts.has(account),
  );
  const grants = present.flatMap(([account, privileges]) => [
    `CREATE ROLE ${account} LOGIN CONNECTION LIMIT 40 PASSWORD '${accounts.password('postgres', account)}';`,
    `GRANT CONNECT ON DATABASE ${DATABASE} TO ${account};`,
    `GRANT ${privileges} TO ${account};`,
  ]);
  return `${[`REVOKE ALL ON DATABASE ${DATABASE} FROM PUBLIC;`, ...grants].join('\n')}\n`;
}

/** The superuser comes in through the socket inside the pod only. */
const hostBasedAuthentication = `local all postgres trust
host all postgres all reject
host ${DATABASE} all all scram-sha-256
`;

/**
 * The first start of a pod makes the database, behind a socket; a restarted container finds it. The data is no safer
 * than the pod, so there is no waiting for the disk.
 */
const start = `set -eu
PATH=/usr/lib/postgresql/15/bin:$PATH
data=/state/postgres
if [ ! -e /state/initialised ]; then
  rm -rf "$data"
  initdb -D "$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
  pg_ctl -D "$data" -w -o "-c listen_addresses='' -c unix_socket_directories=/tmp -c fsync=off" start >/dev/null
  psql -q -v ON_ERROR_STOP=1 -h /tmp -U postgres -d postgres -c 'CREATE DATABASE ${DATABASE}'
  psql -q -v ON_ERROR_STOP=1 -h /tmp -U postgres -d ${DATABASE} -f /config/schema.sql -f /secrets/roles.sql
  pg_ctl -D "$data" -w -m fast stop >/dev/null
  touch /state/initialised
fi
rm -f "$data/postmaster.pid"
exec postgres -D "$data" -c hba_file=/config/pg_hba.conf -c listen_addresses='*' -c unix_socket_directories=/tmp \\
  -c max_connections=200 -c shared_buffers=64MB -c fsync=off -c full_page_writes=off
`;

export function postgresServer(image: string, accounts: Accounts): Server {
  return {
    name: 'postgres',
    image,
    command: ['sh', '/config/start.sh'],
    ports: { postgres: 5432 },
    config: { 'schema.sql': schema, 'pg_hba.conf': hostBasedAuthentication, 'start.sh': start },
    secrets: { 'roles.sql': rolesSql(accounts) },
    // The database is made behind a socket: the port is opened when it is there.
    readiness: { tcpSocket: { port: k8s.IntOrString.fromString('postgres') } },
    requests: { cpu: '100m', memory: '128Mi' },
    memoryLimit: '512Mi',
    terminationGracePeriodSeconds: 10,
  };
}
