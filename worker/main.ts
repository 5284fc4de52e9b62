import { CONNECTIONS } from '../api/worker-config.ts';
import { loadConfig } from './config-file.ts';
import { CredentialsDirectory } from './credentials-directory.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { type PodProcess, podProcess, runUntilSignal } from './pod-process.ts';
import { Worker } from './worker.ts';

/** The mounted ConfigMap follows a change within a minute or so. */
const CONFIG_PATIENCE = 60_000;

const result = readEnvironment(process.env);
const pod: PodProcess = podProcess('worker', result.kind === 'Valid' ? result.environment.logLevel : 'info');

if (result.kind === 'Invalid') pod.fail(result.message);
try {
  await run(result.environment);
} catch (error) {
  pod.fail(error instanceof Error ? error.message : 'unknown error');
}
process.exit(0);

async function run(environment: Environment): Promise<void> {
  const config = await loadConfig(environment.configFile, environment.configHash, CONFIG_PATIENCE);
  const credentials = new CredentialsDirectory(environment.credentialsDirectory, CONNECTIONS);
  const worker = new Worker(config, environment.configHash, credentials, pod.log);
  const { policy, strategy } = config;
  const about = { policy: policy.name, namespace: policy.namespace, strategy };
  await runUntilSignal(pod, worker, environment.httpPort, about);
}
