import { pino } from 'pino';
import { CONNECTIONS } from '../api/worker-config.ts';
import { loadConfig } from './config-file.ts';
import { CredentialsDirectory } from './credentials-directory.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { serveHttp } from './http.ts';
import { Worker } from './worker.ts';

/** The mounted ConfigMap follows a change within a minute or so. */
const CONFIG_PATIENCE = 60_000;

const result = readEnvironment(process.env);
// Synchronous: what is logged is out, even when the process is killed right after.
const log = pino(
  {
    level: result.kind === 'Valid' ? result.environment.logLevel : 'info',
    base: { component: 'worker' },
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
try {
  await run(result.environment);
} catch (error) {
  fail(error instanceof Error ? error.message : 'unknown error');
}
process.exit(0);

async function run(environment: Environment): Promise<void> {
  const config = await loadConfig(environment.configFile, environment.configHash, CONFIG_PATIENCE);
  const credentials = new CredentialsDirectory(environment.credentialsDirectory, CONNECTIONS);
  const worker = new Worker(config, environment.configHash, credentials, log);
  const server = await serveHttp(environment.httpPort, {
    alive: () => worker.alive,
    ready: () => worker.ready,
    metrics: () => worker.metrics.text(),
    report: () => worker.report(),
  });
  const stopped = drainOnSignal(worker);
  const { policy, strategy } = config;
  log.info(
    { policy: policy.name, namespace: policy.namespace, strategy, address: server.address() },
    'started',
  );
  worker.start().catch((error: unknown) => fail('processing failed', { err: error }));
  await stopped;
  log.info('stopped');
}

/** The first signal lets the worker finish what it holds, the second ends the process at once. */
function drainOnSignal(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const stop = (signal: NodeJS.Signals) => {
      signals++;
      if (signals > 1) fail('second signal: ended at once', { signal });
      log.info({ signal }, 'draining');
      void worker.drain().then(resolve);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}
