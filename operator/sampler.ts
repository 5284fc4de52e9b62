/** Looks at queues and workers of each policy every second. It only reads. */
import { parseMaintenanceReport } from './maintenance-report-parse.ts';
import type { Measurement, Observation } from './observation.ts';
import type { Sampler, SamplerOptions, SampleTarget } from './ports.ts';
import { BrokerFailure } from './rabbitmq-failure.ts';
import type { QueueGauge } from './rabbitmq-queue-gauge.ts';
import { SamplerGauges } from './sampler-gauges.ts';
import { measured, missing, type Sample } from './sampler-rates.ts';
import { observationOf } from './sampler-view.ts';
import { parseWorkerReport } from './worker-report-parse.ts';
import { WorkerReports } from './worker-reports.ts';

const INTERVAL_MS = 1_000;
const KEPT_MS = 30_000;

interface Watched {
  target: SampleTarget;
  gauge: QueueGauge;
  samples: readonly Sample[];
  /** Queues that were missing at the last look, so that each disappearance is told once. */
  readonly missing: Set<string>;
  timer: NodeJS.Timeout | undefined;
}

/** `reportUri` makes the address of a worker's report from the pod's; the default is its HTTP port. */
export function createSampler(
  { onQueueMissing }: SamplerOptions,
  reportUri?: (podIp: string) => string,
): Sampler {
  const watched = new Map<string, Watched>();
  const gauges = new SamplerGauges();
  const reports = new WorkerReports(reportUri);

  const look = async (policy: Watched): Promise<void> => {
    const { target, gauge } = policy;
    const { policyUid, pods, maintenancePods } = target;
    const at = performance.now();
    const [ready, deadLetters, answers, maintenance] = await Promise.all([
      readyIn(gauge, target),
      depthOf(gauge, target.deadLetterQueue),
      reports.of(pods, policyUid, parseWorkerReport),
      reports.of(maintenancePods, policyUid, parseMaintenanceReport),
    ]);
    if (watched.get(policyUid) !== policy) return;
    const kept = policy.samples.filter((sample) => sample.at >= at - KEPT_MS);
    policy.samples = [
      ...kept,
      { at, ready: ready.value, deadLetters: deadLetters.value, pods, reports: answers, maintenance },
    ];
    const gone = [ready, deadLetters].flatMap(({ missingQueue }) => missingQueue ?? []);
    if (tellMissing(policy.missing, gone)) onQueueMissing(policyUid);
  };

  /** The next look begins a second after this one began, or at once if this one took longer. */
  const lookOn = async (policy: Watched): Promise<void> => {
    const began = performance.now();
    await look(policy);
    if (watched.get(policy.target.policyUid) !== policy) return;
    const wait = Math.max(0, began + INTERVAL_MS - performance.now());
    policy.timer = setTimeout(() => void lookOn(policy), wait);
  };

  const watch = (target: SampleTarget): void => {
    const { policyUid, credentials } = target;
    const known = watched.get(policyUid);
    const gauge = gauges.use(policyUid, credentials);
    if (known === undefined) {
      const policy: Watched = { target, gauge, samples: [], missing: new Set(), timer: undefined };
      watched.set(policyUid, policy);
      void lookOn(policy);
      return;
    }
    const queues = new Set(queuesOf(target));
    for (const queue of queuesOf(known.target)) if (!queues.has(queue)) gauge.forget(queue);
    // Counts of another queue do not continue those of this one.
    if (known.target.queue !== target.queue) known.samples = [];
    Object.assign(known, { target, gauge });
  };

  const forget = (policyUid: string): void => {
    const policy = watched.get(policyUid);
    if (policy === undefined) return;
    clearTimeout(policy.timer);
    watched.delete(policyUid);
    for (const queue of queuesOf(policy.target)) policy.gauge.forget(queue);
    gauges.leave(policyUid);
  };

  return {
    watch,
    forget,
    view: (policyUid): Observation => {
      const policy = watched.get(policyUid);
      return observationOf(policy?.samples ?? [], policy?.target.pods ?? [], performance.now());
    },
    close: async () => {
      for (const policyUid of [...watched.keys()]) forget(policyUid);
      await Promise.all([gauges.close(), reports.close()]);
    },
  };
}

interface Look {
  readonly value: Measurement;
  /** The queue does not exist. */
  readonly missingQueue?: string;
}

/** Of the queue and the older revisions; one of those that is gone has been drained. */
async function readyIn(gauge: QueueGauge, { queue, drainQueues }: SampleTarget): Promise<Look> {
  const [current, ...older] = await Promise.all([queue, ...drainQueues].map((name) => depthOf(gauge, name)));
  if (current === undefined || current.value.kind === 'Missing')
    return current ?? { value: missing('no queue') };
  let sum = current.value.value;
  for (const { value, missingQueue } of older) {
    if (missingQueue !== undefined) continue;
    if (value.kind === 'Missing') return { value };
    sum += value.value;
  }
  return { value: measured(sum) };
}

async function depthOf(gauge: QueueGauge, queue: string): Promise<Look> {
  try {
    const depth = await gauge.depthOf(queue);
    if (depth === undefined) return { value: missing(`queue ${queue} does not exist`), missingQueue: queue };
    return { value: measured(depth.ready) };
  } catch (error) {
    if (error instanceof BrokerFailure) return { value: missing(error.message) };
    throw error;
  }
}

/** True when one of them was there at the last look. */
function tellMissing(known: Set<string>, gone: readonly string[]): boolean {
  const isNews = gone.some((queue) => !known.has(queue));
  known.clear();
  for (const queue of gone) known.add(queue);
  return isNews;
}

function queuesOf({ queue, drainQueues, deadLetterQueue }: SampleTarget): readonly string[] {
  return [queue, deadLetterQueue, ...drainQueues];
}
