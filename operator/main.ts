/** The operator's process: wires the parts together, waits for the lease, works until it is lost or SIGTERM comes. */
import { randomUUID } from 'node:crypto';
import { type Logger, pino } from 'pino';
import { claimOwners } from './claim-owners.ts';
import { systemClock } from './clock.ts';
import { serveHttp } from './http.ts';
import { FORMER_DEFAULT, installationName } from './installation.ts';
import { KubernetesClient } from './kubernetes-client.ts';
import { openSession, type Session } from './kubernetes-session.ts';
import { TIMING } from './leader-decision.ts';
import { LeaderElection } from './leader-election.ts';
import { Operator, type OutsideEvents } from './operator.ts';
import { createSampler } from './sampler.ts';
import { readSettings, type Settings } from './settings.ts';
import { createTopology } from './topology.ts';
import { createTtlPublisher } from './ttl-publisher.ts';
import { runUninstallCheck } from './uninstall-check.ts';

const LEASE_NAME = 'order-cache-operator';
/** Less than the pod's grace period. */
const SHUTDOWN_MS = 20_000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const session = openSession();
  const log = pino({ level: settings.logLevel, base: null });
  const reader = new KubernetesClient(session, () => undefined);
  const installation = await installationName(settings.installation, reader);
  const election = electionOf(settings, session, log);
  const operator = operatorOf(settings, installation, session, election, log);
  const server = await serveHttp(settings.httpPort, operator, operator.metrics.registry);

  let ending = false;
  const end = (code: number, why: string) => {
    if (ending) return;
    ending = true;
    log.info(why);
    setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
    void shutDown(operator, election, session)
      .then(() => server.close())
      .finally(() => process.exit(code));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => end(0, `${signal}: shutting down`));

  log.info({ installation, namespaces: settings.watchNamespaces }, 'waiting for the lease');
  await election.acquire();
  if (ending) return;
  log.info('leading');
  void election.keep().then(() => end(1, 'the lease is lost'));
  await operator.start();
}

function electionOf(settings: Settings, session: Session, log: Logger): LeaderElection {
  return new LeaderElection({
    client: new KubernetesClient(session, () => undefined),
    namespace: settings.podNamespace,
    name: LEASE_NAME,
    identity: `${settings.podName}_${randomUUID().slice(0, 8)}`,
    timing: TIMING,
    clock: systemClock,
    onFailure: (error) =>
      log.warn({ error: error instanceof Error ? error.message : error }, 'lease not renewed'),
  });
}

function operatorOf(
  settings: Settings,
  installation: string,
  session: Session,
  election: LeaderElection,
  log: Logger,
): Operator {
  const mayWrite = election.assertHeld;
  const client = new KubernetesClient(session, mayWrite);
  const owners = claimOwners(client, installation);
  const formerInstallation = settings.installation === undefined ? FORMER_DEFAULT : undefined;
  const outside = ({ onDrift }: OutsideEvents) => ({
    topology: createTopology({ installation, mayWrite, owners, formerInstallation }),
    ttl: createTtlPublisher({ installation, mayWrite, onDrift, owners }),
    sampler: createSampler({ onQueueMissing: onDrift }),
  });
  return new Operator({
    client,
    namespaces: settings.watchNamespaces,
    installation: settings.worker,
    instance: settings.podName,
    outside,
    isLeader: () => election.held,
    clock: systemClock,
    random: Math.random,
    log,
  });
}

/** The lease goes last: nothing is written after it. */
async function shutDown(operator: Operator, election: LeaderElection, session: Session): Promise<void> {
  await operator.stop();
  await election.release();
  await session.close();
}

/** Clients hang commands with their arguments on errors, and so passwords: nothing of an error but its text is shown. */
function die(said: string): never {
  process.stderr.write(`order-cache-operator: ${said}\n`);
  process.exit(1);
}

function defect(error: unknown): never {
  die(error instanceof Error ? (error.stack ?? error.message) : `a ${typeof error} was thrown`);
}

process.on('unhandledRejection', defect);
process.on('uncaughtException', defect);

const [command, ...namespaces] = process.argv.slice(2);
const run =
  command === 'uninstall-check'
    ? runUninstallCheck(namespaces).then((status) => process.exit(status))
    : main();
run.catch((error: unknown) => die(error instanceof Error ? error.message : String(error)));
