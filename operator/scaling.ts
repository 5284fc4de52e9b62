/**
 * How many workers: ceil((arrival rate + backlog / targetDrainSeconds) / rate of one worker), within bounds, at the
 * speed that `behavior` allows. Pure; the decision carries the numbers it was made of.
 */
import type { Measurement, Observation } from './observation.ts';
import { effectiveBehavior, limitSpeed, recordRecommendation, stabilize } from './scaling-behavior.ts';
import type { ScaleDecision, ScalingFormula, ScalingHistory, ScalingInput } from './scaling-decision.ts';
import { type HoldReason, whyHold } from './scaling-hold.ts';

/** Events per second of one worker, before anything is learned. */
export const INITIAL_WORKER_RATE = 1000;

/** A learned rate is taken over when it moves by more than this. */
const LEARNING_THRESHOLD = 0.2;
/** An expected drain time beyond a day says nothing. */
const LONGEST_DRAIN_SECONDS = 86_400;

export function scale(input: ScalingInput): ScaleDecision {
  if (input.scaling.mode === 'Manual') return manual(input);
  const current = input.currentReplicas;
  if (current === null) return created(input);
  const bounded = clamp(current, input);
  if (bounded !== current) return outOfBounds(input, current, bounded);
  const because = whyHold(input.observation);
  if (because !== null) return hold(input, current, because);
  return byFormula(input, current);
}

/** status.workerEventsPerSecond after this measurement: two digits, and steady unless it moves by more than 20 %. */
export function learnWorkerRate(stored: number | undefined, measured: Measurement): number | undefined {
  if (measured.kind === 'Missing' || !(measured.value > 0) || !Number.isFinite(measured.value)) return stored;
  const rounded = Math.max(1, Math.round(Number(measured.value.toPrecision(2))));
  if (stored === undefined || stored <= 0) return rounded;
  return Math.abs(measured.value - stored) / stored > LEARNING_THRESHOLD ? rounded : stored;
}

function byFormula(input: ScalingInput, current: number): ScaleDecision {
  const formula = formulaOf(input);
  if (formula === null)
    return hold(input, current, { reason: 'MetricsUnavailable', message: 'no numbers yet' });
  const { now } = input;
  const behavior = effectiveBehavior(input.scaling.behavior);
  const wanted = clamp(formula.wanted, input);
  const history = recordRecommendation(input.history, current, wanted, behavior, now);
  const stabilized = clamp(stabilize(history, current, behavior, now), input);
  const replicas = limitSpeed(history, current, stabilized, behavior, now);
  return decision(input, {
    kind: replicas === current ? 'Hold' : 'Scale',
    replicas,
    active: true,
    reason: 'ScalingActive',
    message: `Replicas follow backlog and arrival rate${atBound(formula.wanted, input)}`,
    formula,
    printed: `${printFormula(formula)}; ${printWay(input, current, wanted, stabilized, replicas)}`,
    history,
  });
}

function formulaOf(input: ScalingInput): ScalingFormula | null {
  const { ready, inFlight, arrivalRate } = input.observation;
  if (ready.kind === 'Missing' || inFlight.kind === 'Missing' || arrivalRate.kind === 'Missing') return null;
  const backlog = ready.value + inFlight.value;
  const { targetDrainSeconds } = input.scaling;
  const learned = learnWorkerRate(input.learnedWorkerRate, input.observation.saturatedWorkerRate);
  const workerRate = learned ?? INITIAL_WORKER_RATE;
  const wanted = Math.ceil((arrivalRate.value + backlog / targetDrainSeconds) / workerRate);
  return { arrivalRate: arrivalRate.value, backlog, targetDrainSeconds, workerRate, wanted };
}

function hold(input: ScalingInput, current: number, { reason, message }: HoldReason): ScaleDecision {
  return decision(input, {
    kind: 'Hold',
    replicas: current,
    active: false,
    reason,
    message,
    formula: null,
    printed: `${current} held: ${message}`,
    history: input.history,
  });
}

function manual(input: ScalingInput): ScaleDecision {
  const { currentReplicas: current, scaling } = input;
  const replicas = scaling.replicas ?? current ?? 1;
  return decision(input, {
    kind: replicas === current ? 'Hold' : 'Scale',
    replicas,
    active: true,
    reason: 'ManualScaling',
    message: 'spec.scaling.replicas counts',
    formula: null,
    printed: `${replicas} by spec.scaling.replicas`,
    history: input.history,
  });
}

/** The Deployment is not there yet: there is nothing to measure, so it begins with the fewest. */
function created(input: ScalingInput): ScaleDecision {
  const replicas = input.scaling.minReplicas;
  return decision(input, {
    kind: 'Scale',
    replicas,
    active: true,
    reason: 'ScalingActive',
    message: 'Workers start with minReplicas',
    formula: null,
    printed: `${replicas} to begin with (minReplicas)`,
    history: input.history,
  });
}

/** As an HPA does: what lies outside the bounds is corrected at once, whatever the metrics and the behavior. */
function outOfBounds(input: ScalingInput, current: number, replicas: number): ScaleDecision {
  const { minReplicas, maxReplicas } = input.scaling;
  return decision(input, {
    kind: 'Scale',
    replicas,
    active: true,
    reason: 'ScalingActive',
    message: 'Replicas are brought within minReplicas and maxReplicas',
    formula: null,
    printed: `${current} -> ${replicas}: bounds ${minReplicas}..${maxReplicas}`,
    history: input.history,
  });
}

type Verdict = Omit<ScaleDecision, 'workerRate' | 'expectedDrainSeconds'> & { history: ScalingHistory };

function decision(input: ScalingInput, verdict: Verdict): ScaleDecision {
  return {
    ...verdict,
    workerRate: learnWorkerRate(input.learnedWorkerRate, input.observation.saturatedWorkerRate),
    expectedDrainSeconds: expectedDrainSeconds(input.observation),
  };
}

/** At the present rates: the backlog divided by how fast it shrinks. */
function expectedDrainSeconds(observation: Observation): number | undefined {
  const { ready, inFlight, acknowledgedRate, arrivalRate } = observation;
  if (ready.kind === 'Missing' || inFlight.kind === 'Missing') return undefined;
  const backlog = ready.value + inFlight.value;
  if (backlog === 0) return 0;
  if (acknowledgedRate.kind === 'Missing' || arrivalRate.kind === 'Missing') return undefined;
  const shrinks = acknowledgedRate.value - arrivalRate.value;
  const seconds = Math.ceil(backlog / shrinks);
  return shrinks > 0 && seconds <= LONGEST_DRAIN_SECONDS ? seconds : undefined;
}

function clamp(replicas: number, { scaling }: ScalingInput): number {
  return Math.min(Math.max(replicas, scaling.minReplicas), scaling.maxReplicas);
}

function atBound(wanted: number, { scaling }: ScalingInput): string {
  if (wanted > scaling.maxReplicas) return '; more are wanted than maxReplicas allows';
  return '';
}

function printFormula(formula: ScalingFormula): string {
  const { arrivalRate, backlog, targetDrainSeconds, workerRate, wanted } = formula;
  const arrivals = `arrivals ${arrivalRate.toFixed(1)}/s`;
  return `ceil((${arrivals} + backlog ${backlog} / ${targetDrainSeconds} s) / worker ${workerRate}/s) = ${wanted}`;
}

function printWay(
  { scaling }: ScalingInput,
  current: number,
  wanted: number,
  stabilized: number,
  replicas: number,
): string {
  const steps = [`bounds ${scaling.minReplicas}..${scaling.maxReplicas}: ${wanted}`];
  if (stabilized !== wanted) steps.push(`stabilized: ${stabilized}`);
  if (replicas !== stabilized) steps.push(`speed limit: ${replicas}`);
  return `${steps.join(', ')}; ${current} -> ${replicas}`;
}
