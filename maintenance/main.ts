import { MAINTENANCE_CONNECTIONS } from '../api/maintenance.ts';
import { loadConfig } from '../worker/config-file.ts';
import { CredentialsDirectory } from '../worker/credentials-directory.ts';
import { type Environment, readEnvironment } from '../worker/environment.ts';
import { type PodProcess, podProcess, runUntilSignal } from '../worker/pod-process.ts';
import { Maintenance } from './maintenance.ts';
import { type MaintenanceSettings, readMaintenanceSettings } from './settings.ts';

/** The mounted ConfigMap follows a change within a minute or so. */
const CONFIG_PATIENCE = 60_000;

const result = readEnvironment(process.env);
const special = readMaintenanceSettings(process.env);
const pod: PodProcess = podProcess(
  'maintenance',
  result.kind === 'Valid' ? result.environment.logLevel : 'info',
);

if (result.kind === 'Invalid') pod.fail(result.message);
if (special.kind === 'Invalid') pod.fail(special.message);
try {
  await run(result.environment, special.settings);
} catch (error) {
  pod.fail(error instanceof Error ? error.message : 'unknown error');
}
process.exit(0);

async function run(environment: Environment, settings: MaintenanceSettings): Promise<void> {
  const { configFile, configHash, credentialsDirectory, httpPort } = environment;
  const config = await loadConfig(configFile, configHash, CONFIG_PATIENCE);
  const credentials = new CredentialsDirectory(credentialsDirectory, MAINTENANCE_CONNECTIONS);
  const maintenance = new Maintenance({ config, configHash, settings, credentials, log: pod.log });
  const { policy, strategy } = config;
  const about = { policy: policy.name, namespace: policy.namespace, strategy };
  await runUntilSignal(pod, maintenance, httpPort, about);
}
