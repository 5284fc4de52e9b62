import { pino } from 'pino';
import { MAINTENANCE_CONNECTIONS } from '../api/maintenance.ts';
import { loadConfig } from '../worker/config-file.ts';
import { CredentialsDirectory } from '../worker/credentials-directory.ts';
import { type Environment, readEnvironment } from '../worker/environment.ts';
import { serveHttp } from '../worker/http.ts';
import { Maintenance } from './maintenance.ts';
import { type MaintenanceSettings, readMaintenanceSettings } from './settings.ts';

/** The mounted ConfigMap follows a change within a minute or so. */
const CONFIG_PATIENCE = 60_000;

const result = readEnvironment(process.env);
const special = readMaintenanceSettings(process.env);
// Synchronous: what is logged is out, even when the process is killed right after.
const log = pino(
  {
    level: result.kind === 'Valid' ? result.environment.logLevel : 'info',
    base: { component: 'maintenance' },
    formatters: { level: (level) => ({ level }) },
  },
  pino.destination({ dest: 1, sync: true }),
);

/** The last line says why. */
function fail(message: string, fields: object = {}): never {
  log.fatal(fields, message);
  process.exit(1);
}

process.on('unhandledRejection', (error) => fail('unhandled rejection', { err: error }));
process.on('uncaughtException', (error) => fail('uncaught exception', { err: error }));

if (result.kind === 'Invalid') fail(result.message);
if (special.kind === 'Invalid') fail(special.message);
try {
  await run(result.environment, special.settings);
} catch (error) {
  fail(error instanceof Error ? error.message : 'unknown error');
}
process.exit(0);

async function run(environment: Environment, settings: MaintenanceSettings): Promise<void> {
  const { configFile, configHash, credentialsDirectory, httpPort } = environment;
  const config = await loadConfig(configFile, configHash, CONFIG_PATIENCE);
  const credentials = new CredentialsDirectory(credentialsDirectory, MAINTENANCE_CONNECTIONS);
  const maintenance = new Maintenance({ config, configHash, settings, credentials, log });
  const server = await serveHttp(httpPort, {
    alive: () => maintenance.alive,
    ready: () => maintenance.ready,
    metrics: () => maintenance.metrics.text(),
    report: () => maintenance.report(),
  });
  const stopped = drainOnSignal(maintenance);
  const { policy, strategy } = config;
  log.info(
    { policy: policy.name, namespace: policy.namespace, strategy, address: server.address() },
    'started',
  );
  maintenance.start().catch((error: unknown) => fail('maintenance failed', { err: error }));
  await stopped;
  log.info('stopped');
}

/** The first signal lets the pod finish the page in hand, the second ends the process at once. */
function drainOnSignal(maintenance: Maintenance): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const stop = (signal: NodeJS.Signals) => {
      signals++;
      if (signals > 1) fail('second signal: ended at once', { signal });
      log.info({ signal }, 'draining');
      void maintenance.drain().then(resolve);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}
