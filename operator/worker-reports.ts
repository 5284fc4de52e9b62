import { Agent } from 'undici';
import { WORKER_HTTP_PORT } from '../api/worker-config.ts';
import type { WorkerPod } from './ports.ts';

const DEADLINE_MS = 1_000;
const LARGEST_REPORT_BYTES = 65_536;
/** Requests at the same time for one policy: pods that do not answer delay nobody but their own policy. */
const CONCURRENCY = 32;

/** What a report says; null for what is no report of a pod of this policy. */
type Parse<R> = (text: string, policyUid: string) => R | null;

/** Asks pods for their reports. A pod that does not answer in time, or with nonsense, is left out. */
export class WorkerReports {
  readonly #agent = new Agent({
    connections: 1,
    connect: { timeout: DEADLINE_MS },
    maxResponseSize: LARGEST_REPORT_BYTES,
  });
  readonly #uriOf: (podIp: string) => string;

  constructor(uriOf: (podIp: string) => string = defaultUri) {
    this.#uriOf = uriOf;
  }

  /** By name of the pod. Never rejects. */
  async of<R>(
    pods: readonly WorkerPod[],
    policyUid: string,
    parse: Parse<R>,
  ): Promise<ReadonlyMap<string, R>> {
    const reports = new Map<string, R>();
    const remaining = pods.values();
    const askInTurn = async () => {
      for (const { name, ip } of remaining) {
        const report = await this.#get(ip, policyUid, parse);
        if (report !== null) reports.set(name, report);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, askInTurn));
    return reports;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #get<R>(podIp: string, policyUid: string, parse: Parse<R>): Promise<R | null> {
    try {
      const uri = new URL(this.#uriOf(podIp));
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const request = { origin: uri.origin, path: uri.pathname, method: 'GET', signal } as const;
      const { statusCode, body } = await this.#agent.request(request);
      const text = await body.text();
      return statusCode === 200 ? parse(text, policyUid) : null;
    } catch {
      return null;
    }
  }
}

function defaultUri(podIp: string): string {
  const host = podIp.includes(':') ? `[${podIp}]` : podIp;
  return `http://${host}:${WORKER_HTTP_PORT}/report`;
}
