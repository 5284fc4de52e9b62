import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** What the demo reads of a worker's pod. */
export interface WorkerPod extends KubeObject {
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly restartCount: number;
      readonly lastState: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

/** What the demo reads of the policy. */
export interface PolicyView {
  readonly metadata: { readonly generation: number };
  readonly spec: Record<string, unknown>;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly desiredReplicas?: number;
    readonly queue?: string;
    readonly workerEventsPerSecond?: number;
    readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
  };
}

/** kubectl against one cluster: what the demo does, a user can do by hand. */
export class Kubectl {
  readonly #binary: string;
  readonly #flags: readonly string[];

  constructor(cluster: { kubectl: string; kubeconfig: string; context?: string }) {
    this.#binary = cluster.kubectl;
    this.#flags = [
      `--kubeconfig=${cluster.kubeconfig}`,
      ...(cluster.context === undefined ? [] : [`--context=${cluster.context}`]),
    ];
  }

  /** Runs one command. Throws with what kubectl said on standard error, at the latest after `timeoutSeconds`. */
  async run(
    args: readonly string[],
    options: { input?: string; timeoutSeconds?: number } = {},
  ): Promise<string> {
    const child = spawn(this.#binary, [...this.#flags, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill(), (options.timeoutSeconds ?? 60) * 1000);
    child.stdin.end(options.input ?? '');
    const [out, err, code] = await Promise.all([collect(child.stdout), collect(child.stderr), exitOf(child)]);
    clearTimeout(timer);
    if (code !== 0)
      throw new Error(`kubectl ${args.slice(0, 4).join(' ')}: ${err.trim() || `ended with ${code}`}`);
    return out;
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run([...args, '-o', 'json'])) as T;
  }

  /** Server-side apply as this demo's field manager. */
  async apply(objects: readonly KubeObject[]): Promise<void> {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    await this.run(
      ['apply', '--server-side', '--force-conflicts', '--field-manager=order-cache-demo', '-f', '-'],
      {
        input: list,
      },
    );
  }

  /** Asks until `ready` says yes; throws with `what` after the deadline. */
  async until(what: string, timeoutSeconds: number, ready: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + timeoutSeconds * 1000;
    let lastError = '';
    while (Date.now() < deadline) {
      try {
        if (await ready()) return;
      } catch (error) {
        lastError = ` (${error instanceof Error ? error.message : String(error)})`;
      }
      await sleep(500);
    }
    throw new Error(`${what}: not within ${timeoutSeconds} s${lastError}`);
  }

  /** Calls `onLine` for each line of a long-running command, for example `logs -f`. */
  follow(args: readonly string[], onLine: (line: string) => void): ChildProcess {
    const child = spawn(this.#binary, [...this.#flags, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine);
    return child;
  }
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
}
