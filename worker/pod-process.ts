import { type Logger, pino } from 'pino';
import { type HttpSources, serveHttp } from './http.ts';

/** The process of a pod: its log, its end, and what it does about signals. */
export interface PodProcess {
  readonly log: Logger;
  /** What a signal does from now on; before, it ends the process. */
  onSignal(act: (signal: NodeJS.Signals) => void): void;
  /** Ends the process; the last line says why. */
  fail(message: string, fields?: object): never;
}

/** What a pod runs. */
export interface PodProgram {
  readonly alive: boolean;
  readonly ready: boolean;
  readonly metrics: { text(): Promise<string> };
  report(): object;
  /** Until `drain`. A rejection ends the process. */
  start(): Promise<void>;
  /** Never rejects. */
  drain(): Promise<void>;
}

/** From here on nothing that goes wrong is lost: an error that nobody has caught ends the process with its reason. */
export function podProcess(component: string, level: string): PodProcess {
  const settings = {
    level,
    base: { component },
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: withoutFields },
  };
  // Synchronous: what is logged is out, even when the process is killed right after.
  const log = pino(settings, pino.destination({ dest: 1, sync: true }));
  const fail = (message: string, fields: object = {}): never => {
    log.fatal(fields, message);
    process.exit(1);
  };
  process.on('unhandledRejection', (error) => fail('unhandled rejection', { err: error }));
  process.on('uncaughtException', (error) => fail('uncaught exception', { err: error }));
  // The first process of a container is not ended by a signal that it does not handle.
  let act = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'ended before it had started');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => act(signal));
  const onSignal = (next: typeof act) => {
    act = next;
  };
  return { log, onSignal, fail };
}

/** Clients hang commands with their arguments on errors, and so passwords and orders. */
function withoutFields(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack } = error;
  return { type: name, message, stack };
}

/** Serves HTTP and runs the program until the first signal; the second ends the process at once. */
export async function runUntilSignal(
  { log, onSignal, fail }: PodProcess,
  program: PodProgram,
  httpPort: number,
  about: object,
): Promise<void> {
  const sources: HttpSources = {
    alive: () => program.alive,
    ready: () => program.ready,
    metrics: () => program.metrics.text(),
    report: () => program.report(),
  };
  const server = await serveHttp(httpPort, sources);
  const stopped = new Promise<void>((resolve) => {
    let signals = 0;
    onSignal((signal) => {
      signals++;
      if (signals > 1) fail('second signal: ended at once', { signal });
      log.info({ signal }, 'draining');
      void program.drain().then(resolve);
    });
  });
  log.info({ ...about, address: server.address() }, 'started');
  program.start().catch((error: unknown) => fail('processing failed', { err: error }));
  await stopped;
  log.info('stopped');
}
