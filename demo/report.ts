import type { Delay } from './ledger.ts';
import { bold } from './narrator.ts';
import type { Findings } from './probes.ts';
import type { World } from './world.ts';

/** How long nothing special happens at the start of the working day, in milliseconds. */
const CALM = 9_000;

/** Prints what happened and returns whether nothing is stale and every event is accounted for. */
export function report(world: World, findings: Findings, window: { from: number; to: number }): boolean {
  const summary = world.ledger.summary(new Set(findings.deadLetters.map(({ messageId }) => messageId)));
  const events = Object.values(summary.published).reduce((sum, count) => sum + count, 0);
  const stale = findings.audits.reduce((sum, { audit }) => sum + audit.stale.length, 0);
  const compared = findings.audits.reduce((sum, { audit }) => sum + audit.records, 0);
  const { hits, misses, errors } = world.reads;
  const first = world.ledger.firstPublished(findings.dayBegan);
  const share = (part: number, whole: number) =>
    whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
  const rows: [string, string][] = [
    ['events published', `${events} (${words(summary.published)}), ${summary.malformed} of them malformed`],
    ['outcomes by message id', words(summary.outcomes)],
    ['unaccounted for', `${summary.unaccounted.length}`],
    ['held by the killed worker', `${findings.heldAtKill} messages that it had not acknowledged`],
    ['retried / redelivered', `${summary.retried} / ${summary.redelivered}`],
    [
      'the day',
      `${rate(world, window)} events/s over ${Math.round((window.to - window.from) / 1000)} s, outages included`,
    ],
    ['event to cache, calm', delay(world.ledger.delay(first, first + CALM))],
    [
      'event to cache, all',
      `${delay(world.ledger.delay())}, with the rush, the outage and the deleted policy`,
    ],
    ['replicas', world.replicas.steps.join(', ')],
    ['reads', `${hits + misses}: hit rate ${share(hits, hits + misses)}, errors ${errors}`],
    ['dead letters', findings.deadLetters.map(({ reason }) => reason).join(', ') || 'none'],
    [
      'compared with the database',
      `${compared} records in ${findings.audits.length} comparisons, ${stale} stale`,
    ],
  ];
  console.log(`\n${bold('Report')}`);
  for (const [name, value] of rows) console.log(`  ${name.padEnd(28)}${value}`);
  console.log(`\n${world.replicas.plot('worker replicas', window.from, window.to)}`);
  console.log(`\n${world.backlog.plot('messages ready in the queue', window.from, window.to)}\n`);
  const failures = [...findings.failures, ...judge(stale, summary.unaccounted, summary.misjudged, errors)];
  for (const failure of failures) console.log(`  FAILED: ${failure}`);
  if (summary.redelivered === 0)
    console.log('  Nothing was redelivered: the killed worker had acknowledged everything by then.');
  if (world.lastReadError !== '') console.log(`  last read error: ${world.lastReadError}`);
  return failures.length === 0;
}

function delay({ p50, p99, max }: Delay): string {
  return `p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms`;
}

function judge(
  stale: number,
  unaccounted: readonly string[],
  misjudged: readonly string[],
  readErrors: number,
): string[] {
  const failures: string[] = [];
  if (stale > 0) failures.push(`${stale} stale records`);
  if (unaccounted.length > 0)
    failures.push(`${unaccounted.length} events unaccounted for, first ${unaccounted[0]}`);
  if (misjudged.length > 0)
    failures.push(`${misjudged.length} events in the wrong place, first ${misjudged[0]}`);
  if (readErrors > 0) failures.push(`${readErrors} reads failed`);
  return failures;
}

function rate(world: World, { from, to }: { from: number; to: number }): number {
  return Math.round(world.ledger.finishedBetween(from, to) / Math.max(1, (to - from) / 1000));
}

function words(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([word, count]) => `${word} ${count}`)
    .join(', ');
}
