import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { OUTCOMES, type Outcome, type WorkerReport } from '../api/worker-report.ts';
import type { Cluster } from '../test/cluster/index.ts';
import type { Kubectl, PolicyView, WorkerPod } from './kubectl.ts';
import { Ledger } from './ledger.ts';
import { LogFollower } from './log-follower.ts';
import { TRAFFIC_LABEL, type TrafficPods } from './pods.ts';
import { Timeline } from './timeline.ts';
import { parseLine } from './traffic/lines.ts';
import { NAMESPACE, POLICY } from './workload.ts';

const WORKERS = 'app.kubernetes.io/name=order-cache-worker';

/** One line of a worker's log at level debug, written before it acknowledges a batch. */
interface BatchLine {
  readonly time: number;
  readonly outcomes: Partial<Record<Outcome, string[]>>;
}

/** One line of a worker's log at level debug, written when deliveries that were made before have been handled. */
interface RedeliveredLine {
  readonly redelivered: number;
}

/** The running demo as it is observed from outside: logs of its pods, replicas, the queue. */
export class World {
  readonly kubectl: Kubectl;
  readonly pods: TrafficPods;
  readonly killContainer: Cluster['killContainer'];
  readonly ledger = new Ledger();
  readonly replicas = new Timeline();
  readonly backlog = new Timeline();
  readonly reads = { hits: 0, misses: 0, errors: 0 };
  /** What each initiator said when it was done, by its name. */
  readonly initiators = new Map<
    string,
    { changes: number; events: number; duplicates: number; late: number }
  >();
  readyMessages = 0;
  unacknowledgedMessages = 0;
  lastReadError = '';
  #followers: LogFollower[] = [];
  #replicaWatch: ChildProcess | undefined;
  #replicaTimer: NodeJS.Timeout | undefined;
  #currentReplicas = 0;

  constructor(kubectl: Kubectl, pods: TrafficPods, killContainer: Cluster['killContainer']) {
    this.kubectl = kubectl;
    this.pods = pods;
    this.killContainer = killContainer;
  }

  observe(): void {
    this.#followers = [
      new LogFollower(this.kubectl, NAMESPACE, TRAFFIC_LABEL, (line) => this.#trafficLine(line)),
      new LogFollower(this.kubectl, NAMESPACE, WORKERS, (line) => this.#workerLine(line)),
    ];
    const columns = 'jsonpath={.status.replicas}{"\\n"}';
    const args = ['get', 'ocp', POLICY, '-n', NAMESPACE, '--watch', '-o', columns];
    const watch = () => {
      this.#replicaWatch = this.kubectl.follow(args, (line) => {
        this.#currentReplicas = Number(line) || 0;
      });
      this.#replicaWatch.on('exit', () => {
        if (this.#replicaTimer !== undefined) setTimeout(watch, 1000).unref();
      });
    };
    this.#replicaTimer = setInterval(() => this.replicas.add(Date.now(), this.#currentReplicas), 500);
    watch();
  }

  async stopObserving(): Promise<void> {
    clearInterval(this.#replicaTimer);
    this.#replicaTimer = undefined;
    this.#replicaWatch?.kill();
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }

  get currentReplicas(): number {
    return this.#currentReplicas;
  }

  /** Waits until every published message has its outcome and the queue is empty. */
  async settled(timeoutSeconds: number): Promise<void> {
    const deadline = Date.now() + timeoutSeconds * 1000;
    while (Date.now() < deadline && (this.ledger.open > 0 || this.readyMessages > 0)) await sleep(500);
  }

  /** The policy as kubectl shows it. */
  policy(): Promise<PolicyView> {
    return this.kubectl.json<PolicyView>(['get', 'ocp', POLICY, '-n', NAMESPACE]);
  }

  async policyReady(timeoutSeconds: number): Promise<void> {
    let last = '';
    await this.kubectl
      .until('the policy is Ready', timeoutSeconds, async () => {
        const { metadata, status } = await this.policy();
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        last = `${ready?.reason}: ${ready?.message}`;
        return ready?.status === 'True' && status?.observedGeneration === metadata.generation;
      })
      .catch((error: unknown) => {
        throw new Error(`${String(error)}; last condition: ${last}`);
      });
  }

  async patchPolicy(spec: object): Promise<void> {
    const patch = JSON.stringify({ spec });
    await this.kubectl.run(['patch', 'ocp', POLICY, '-n', NAMESPACE, '--type=merge', '-p', patch]);
  }

  /** What a worker says of itself, by way of the API server. */
  async workerReport(pod: WorkerPod): Promise<WorkerReport> {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod.metadata.name}:8080/proxy/report`;
    return JSON.parse(await this.kubectl.run(['get', '--raw', path])) as WorkerReport;
  }

  workerPods(): Promise<WorkerPod[]> {
    return this.kubectl
      .json<{ items: WorkerPod[] }>([
        'get',
        'pods',
        '-n',
        NAMESPACE,
        '-l',
        WORKERS,
        '--field-selector=status.phase=Running',
      ])
      .then(({ items }) => items);
  }

  #trafficLine(text: string): void {
    const line = parseLine(text);
    if (line?.kind === 'published') {
      if (line.again) return;
      for (const [id, at] of line.messages) this.ledger.published(line.initiator, id, at, 'good');
    } else if (line?.kind === 'malformed') {
      this.ledger.published('MES', line.messageId, Date.now(), 'malformed');
    } else if (line?.kind === 'initiator-done') {
      this.initiators.set(line.initiator, line);
    } else if (line?.kind === 'reads') {
      this.reads.hits += line.hits;
      this.reads.misses += line.misses;
      this.reads.errors += line.errors;
      this.lastReadError = line.lastError ?? this.lastReadError;
    } else if (line?.kind === 'queue') {
      this.readyMessages = line.ready;
      this.unacknowledgedMessages = line.unacknowledged;
      this.backlog.add(line.at, line.ready);
    }
  }

  #workerLine(text: string): void {
    if (text.includes('"msg":"redelivered"'))
      this.ledger.redelivered((JSON.parse(text) as RedeliveredLine).redelivered);
    if (!text.includes('"msg":"batch"')) return;
    const line = JSON.parse(text) as BatchLine;
    for (const outcome of OUTCOMES) {
      for (const id of line.outcomes[outcome] ?? []) this.ledger.finished(id, outcome, line.time);
    }
  }
}
