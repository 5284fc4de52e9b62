import type { Measurement } from './measurement.ts';
import type { BenchOptions, ContenderName } from './options.ts';

export type Rounds = ReadonlyMap<ContenderName, readonly Measurement[]>;

const PLAIN = ['one-at-a-time', 'all-at-once'] as const;
type PlainConsumer = (typeof PLAIN)[number];

export interface Figures {
  readonly contender: ContenderName;
  /** Medians over the rounds. */
  readonly eventsPerSecond: number;
  readonly cpuMicrosecondsPerEvent: number;
  readonly peakMemoryMiB: number;
  /** Slowest and fastest round, in events per second. */
  readonly range: readonly [number, number];
  /** Rate in multiples of each plain consumer's that ran. */
  readonly times: Readonly<Partial<Record<PlainConsumer, number>>>;
  /** Of the last round. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export function figures(rounds: Rounds): Figures[] {
  const rate = (measurements: readonly Measurement[]) => median(measurements.map((m) => m.eventsPerSecond));
  return [...rounds].map(([contender, measurements]) => {
    const rates = measurements.map((m) => m.eventsPerSecond);
    return {
      contender,
      eventsPerSecond: rate(measurements),
      cpuMicrosecondsPerEvent: median(measurements.map((m) => m.cpuMicrosecondsPerEvent)),
      peakMemoryMiB: median(measurements.map((m) => m.peakMemoryMiB)),
      range: [Math.min(...rates), Math.max(...rates)],
      times: Object.fromEntries(
        PLAIN.flatMap((name) => {
          const plain = rounds.get(name);
          return plain === undefined ? [] : [[name, rate(measurements) / rate(plain)]];
        }),
      ),
      outcomes: measurements.at(-1)?.outcomes ?? {},
    };
  });
}

const LABELS: Record<ContenderName, string> = {
  'acknowledge-only': 'only acknowledges',
  'one-at-a-time': 'plain, one at a time',
  'all-at-once': 'plain, 100 at once',
  'write-through': 'worker, WriteThrough',
  'read-through': 'worker, ReadThrough',
};

export function table(all: readonly Figures[]): string {
  const header = [
    '',
    'events/s',
    'slowest to fastest',
    'CPU us/event',
    'peak MiB',
    'x one at a time',
    'x 100 at once',
    'outcomes',
  ];
  const rows = all.map((each) => [
    LABELS[each.contender],
    thousands(each.eventsPerSecond),
    each.range.map(thousands).join(' to '),
    each.cpuMicrosecondsPerEvent.toFixed(1),
    each.peakMemoryMiB.toFixed(0),
    ...PLAIN.map((name) => each.times[name]?.toFixed(1) ?? ''),
    outcomes(each.outcomes),
  ]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const alignLeft = (column: number) => column === 0 || column === header.length - 1;
  const line = (row: string[]) =>
    row
      .map((cell, column) =>
        alignLeft(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

export function heading({
  events,
  warmUp,
  orders,
  rounds,
  prefetch,
  hotPercent,
  versioned,
}: BenchOptions): string {
  const hot = hotPercent > 0 ? `, ${hotPercent} % of the events about one order` : '';
  const versions = versioned ? ', events with versions' : '';
  return (
    `${thousands(events)} events after ${thousands(warmUp)} of warm-up, about ${thousands(orders)} orders${hot}${versions}; every second order cached; ` +
    `${rounds} rounds; quorum queue, persistent JSON; prefetch ${prefetch}, plain 100`
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[sorted.length % 2 === 0 ? middle - 1 : middle],
    sorted[middle],
  ];
  return (low + high) / 2;
}

const thousands = (value: number) => Math.round(value).toLocaleString('en');

function outcomes(counts: Readonly<Record<string, number>>): string {
  const seen = Object.entries(counts).filter(([, count]) => count > 0);
  return seen.map(([outcome, count]) => `${thousands(count)} ${outcome}`).join(', ');
}
