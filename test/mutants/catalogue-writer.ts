import type { Mutant } from './mutant.ts';

const STATEMENT = 'worker/orders-write.ts';
const ORDER = 'worker/write-order.ts';
const STATE = 'maintenance/catch-up-state.ts';

const unit = (name: string, names: string) => ({ file: `test/unit/${name}.test.ts`, names });
const real = (name: string, names: string) => ({ file: `test/integration/${name}.test.ts`, names });
const schedules = (scenario: string) => real('protocol-schedules', scenario);

/** The fences where the worker writes the row, of confirmations, and of catch-up. */
export const WRITER_MUTANTS: readonly Mutant[] = [
  {
    fence: 'guarded SQL',
    without: 'an older event is written over a newer row',
    patches: [{ file: STATEMENT, find: ` AND (o.\${version} IS NULL OR \${newer[order]})`, replace: '' }],
    killers: [
      real('worker-orders-write', 'written by a newer version only'),
      schedules('the worker writes the row'),
    ],
  },
  {
    fence: 'tie in the statement',
    without: 'of two events at one time, the one that came last wins',
    patches: [
      {
        file: STATEMENT,
        find: `      \`(o.\${version}, coalesce(o.\${status}::text, '') COLLATE "C") < \` +
      \`(held.version, held.status COLLATE "C")\`,`,
        replace: `      \`o.\${version} <= held.version\`,`,
      },
    ],
    killers: [real('worker-orders-write', 'the same time the greater status wins')],
  },
  {
    fence: 'tie in a batch',
    without: 'of two events at one time in a batch, the first one wins',
    patches: [
      { file: ORDER, find: "if (difference !== 0 || order === 'Version')", replace: 'if (difference !== 2)' },
    ],
    killers: [unit('worker-write-order', 'the newest event of an order is the same')],
  },
  {
    fence: 'skew',
    without: 'a stamp a year ahead keeps every later change from being written',
    patches: [
      {
        file: ORDER,
        find: "    if (order === 'Timestamp' && isAhead(version, settings, now())) return ahead(settings);\n",
        replace: '',
      },
    ],
    killers: [
      unit('worker-write-order', 'refused beyond the declared skew'),
      real('worker-writing', 'a time ahead of the clock'),
    ],
  },
  {
    fence: 'negative entry void',
    without: 'an order that was made stays absent to readers',
    patches: [
      {
        file: 'cache/scripts/apply.ts',
        find: '    if found[2] then',
        replace: "    if found[2] and found[2] ~= 'absent' then",
      },
    ],
    killers: [
      schedules('finds no such order'),
      real('cache-reader-absent', '^the event of its creation'),
      real('protocol-twin', 'on one Redis'),
    ],
  },
  {
    fence: 'confirmation before effect',
    without: 'an initiator is told that its change is visible before it is',
    patches: [
      {
        file: 'worker/handle.ts',
        find: '  for (const result of await isolatingFailures(orders, riding)) {',
        replace: `  for (const { events } of orders)
    for (const { delivery, event } of events)
      worker.perform(delivery, { kind: 'Finished', outcome: 'updated' }, event);
  for (const result of await isolatingFailures(orders, riding)) {`,
      },
    ],
    killers: [real('worker-confirmation', 'no reader sees the state before it')],
  },
  {
    fence: 'confirmed, then acknowledged',
    without: 'a worker that is killed has acknowledged what it never confirmed',
    patches: [
      {
        file: 'worker/confirmations.ts',
        find: '    else this.#exchange.send(delivery, message({ exchange, routingKey }), reply);',
        replace: `    else {
      done();
      this.#exchange.send(delivery, message({ exchange, routingKey }), () => {});
    }`,
      },
    ],
    killers: [real('worker-confirmation', 'killed while it cannot confirm')],
  },
  {
    fence: 'catch-up after failover',
    without: 'a Redis that came back older is trusted',
    patches: [
      {
        file: STATE,
        find: "  if (!sameProcesses(known.walks, place.masters)) return { kind: 'Begin', trigger: 'RedisChanged' };\n",
        replace: '',
      },
    ],
    killers: [real('catch-up', 'that starts by itself'), unit('maintenance', 'catch-up')],
  },
  {
    fence: 'catch-up again if slots moved',
    without: 'a key that moved behind the walk is not compared',
    patches: [
      { file: STATE, find: 'if (isComplete && isSame && !place.unsettled)', replace: 'if (isComplete)' },
    ],
    killers: [unit('maintenance', 'begins again at every master')],
  },
];
