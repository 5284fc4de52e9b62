import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../servers/index.ts';
import { eventually, type Scene } from './operator-scene.ts';

/** The operator as it is shipped, started from its sources, outside of the cluster. */
export interface OperatorProcess {
  readonly child: ChildProcess;
  readonly httpUri: string;
  /** What it wrote so far. */
  readonly output: () => string;
  /** Resolves to the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const MAIN = join(import.meta.dirname, '../../operator/main.ts');

export function spawnOperator(environment: Record<string, string>): {
  child: ChildProcess;
  output: () => string;
} {
  const child = spawn(process.execPath, ['--no-warnings', MAIN], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(`${chunk}`));
  return { child, output: () => chunks.join('') };
}

/** Watches the scene's namespace and leads there. */
export async function operatorProcess(scene: Scene, podName: string): Promise<OperatorProcess> {
  const port = await freePort();
  const { child, output } = spawnOperator({
    KUBECONFIG: scene.kubeconfig,
    ORDERCACHE_WATCH_NAMESPACES: scene.namespace,
    ORDERCACHE_INSTALLATION: scene.namespace,
    ORDERCACHE_WORKER_IMAGE: 'localhost/order-cache-operator:test',
    ORDERCACHE_HTTP_PORT: `${port}`,
    POD_NAME: podName,
    POD_NAMESPACE: scene.namespace,
  });
  const httpUri = `http://127.0.0.1:${port}`;
  await eventually(
    'the operator answers',
    async () => {
      if (child.exitCode !== null) throw new Error(output());
      await fetch(`${httpUri}/healthz`);
    },
    60,
  );
  return {
    child,
    httpUri,
    output,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
      return child.exitCode;
    },
  };
}
