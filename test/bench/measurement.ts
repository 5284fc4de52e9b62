import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contenders.ts';
import type { BenchOptions } from './options.ts';

export interface Measurement {
  /** From the end of the warm-up to the last acknowledgement. */
  readonly eventsPerSecond: number;
  /** User and system time of the process, between the same two moments. */
  readonly cpuMicrosecondsPerEvent: number;
  readonly peakMemoryMiB: number;
  /** What the worker says of its events; empty for the others. */
  readonly outcomes: Readonly<Record<string, number>>;
}

interface Sample {
  readonly atMilliseconds: number;
  readonly cpuMicroseconds: number;
  readonly acknowledged: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** How often the process is asked when the first or the last measured event is near; seldom between, since asking costs. */
const NEAR_MILLISECONDS = 20;
const BETWEEN_MILLISECONDS = 400;
const PATIENCE_MILLISECONDS = 120_000;

/** Runs the process until it has acknowledged all events. @throws Error with its output when it does not */
export async function measure(
  contender: Contender,
  port: number,
  options: BenchOptions,
): Promise<Measurement> {
  const child = start(contender);
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk) => output.push(chunk));
  child.stderr?.on('data', (chunk) => output.push(chunk));
  try {
    const [first, last] = await untilAcknowledged(child, port, options);
    return {
      ...ratesBetween(first, last),
      peakMemoryMiB: await peakMemoryMiB(child.pid),
      outcomes: last.outcomes,
    };
  } catch (error) {
    throw new Error(
      `${contender.script}: ${String(error)}\n${Buffer.concat(output).toString().slice(-4_000)}`,
    );
  } finally {
    await stop(child);
  }
}

function start({ script, argument, nodeOptions, environment }: Contender): ChildProcess {
  const args = [...nodeOptions, script, ...(argument === undefined ? [] : [argument])];
  return spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function untilAcknowledged(
  child: ChildProcess,
  port: number,
  { warmUp, events: measured }: BenchOptions,
): Promise<[Sample, Sample]> {
  const events = warmUp + measured;
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  let first: Sample | undefined;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`ended with exit code ${child.exitCode}`);
    const sample = await takeSample(child, port);
    if (sample !== undefined && sample.acknowledged > warmUp) {
      first ??= sample;
      if (sample.acknowledged >= events) return [first, sample];
    }
    await sleep(
      first === undefined || sample === undefined ? NEAR_MILLISECONDS : pause(first, sample, events),
    );
  }
  throw new Error(`not all ${events} events acknowledged within ${PATIENCE_MILLISECONDS} ms`);
}

/** Half of the time that the rest will take. */
function pause(first: Sample, now: Sample, events: number): number {
  const rate = (now.acknowledged - first.acknowledged) / (now.atMilliseconds - first.atMilliseconds);
  const rest = rate > 0 ? (events - now.acknowledged) / rate : 0;
  return Math.min(BETWEEN_MILLISECONDS, Math.max(NEAR_MILLISECONDS, rest / 2));
}

async function takeSample(child: ChildProcess, port: number): Promise<Sample | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/report`, { signal: AbortSignal.timeout(5_000) });
    const report = (await response.json()) as { acknowledged: number; outcomes?: Record<string, number> };
    const cpuMicroseconds = await processorTime(child.pid);
    return { atMilliseconds: performance.now(), cpuMicroseconds, outcomes: {}, ...report };
  } catch {
    return undefined;
  }
}

function ratesBetween(first: Sample, last: Sample) {
  const events = last.acknowledged - first.acknowledged;
  const seconds = (last.atMilliseconds - first.atMilliseconds) / 1000;
  return {
    eventsPerSecond: events / seconds,
    cpuMicrosecondsPerEvent: (last.cpuMicroseconds - first.cpuMicroseconds) / events,
  };
}

/** proc(5): fields 14 and 15 of stat, in ticks of 10 ms. */
async function processorTime(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function peakMemoryMiB(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeoutKill(child);
  await exited;
  clearTimeout(timer);
}

function setTimeoutKill(child: ChildProcess): NodeJS.Timeout {
  return setTimeout(() => child.kill('SIGKILL'), 15_000);
}
