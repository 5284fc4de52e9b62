import type { Mutant } from './mutant.ts';

const DECIDE = 'worker/decide.ts';
const HANDLE = 'worker/handle.ts';
const TURNS = 'worker/turns.ts';

const unit = (name: string, names?: string) => ({
  file: `test/unit/${name}.test.ts`,
  ...(names !== undefined && { names }),
});
const schedules = (scenario: string) => ({
  file: 'test/integration/protocol-schedules.test.ts',
  names: scenario,
});

/** The fences of the worker: what it waits for, and when it acknowledges. */
export const WORKER_MUTANTS: readonly Mutant[] = [
  {
    fence: 'settle of the absent',
    without: 'a versioned event for an absent order ends before its row is seen',
    patches: [
      { file: DECIDE, find: "applied.kind === 'marked' || versioned", replace: "applied.kind === 'marked'" },
    ],
    killers: [unit('worker-decide', 'versioned events always'), schedules('before its commit')],
  },
  {
    fence: 'wait for the row',
    without: 'an event ends although its row is not visible yet',
    patches: [{ file: DECIDE, find: 'compareVersions(present, version) < 0', replace: 'false' }],
    killers: [unit('worker-decide', 'behind its version'), schedules('before its commit')],
  },
  {
    fence: 'wait for a row that is being made',
    without: 'readers remember that there is no such order, although there is one now',
    patches: [
      {
        file: DECIDE,
        find: 'if (row === null && version !== null && absentRemembered)',
        replace: 'if (row === null && version === null && absentRemembered)',
      },
    ],
    killers: [schedules('made, and published before its commit')],
  },
  {
    fence: 'the row is read after apply',
    without: 'the worker settles with a row that it read before',
    patches: [
      {
        file: HANDLE,
        find: '  const applied = await cache.apply(',
        replace: '  const early = await readRows(database, orders);\n  const applied = await cache.apply(',
      },
      {
        file: HANDLE,
        find: 'const rows = await readRows(database, unsettled);',
        replace: 'const rows = early;',
      },
    ],
    killers: [schedules('two workers')],
  },
  {
    fence: 'late joiners to a batch',
    without: 'an event joins the batch of its order that is under way',
    patches: [
      {
        file: TURNS,
        find: 'for (const { orderId } of free) this.#underWay.set(orderId, undefined);',
        replace: 'for (const order of free) this.#underWay.set(order.orderId, order);',
      },
      {
        file: TURNS,
        find: 'this.#underWay.set(order.orderId, before === undefined ? order : joined(before, order));',
        replace: '(before?.events as unknown[]).push(...order.events);',
      },
      {
        file: TURNS,
        find: 'if (waiting === undefined) this.#underWay.delete(orderId);\n      else next.push(waiting);',
        replace: 'this.#underWay.delete(orderId);',
      },
    ],
    killers: [
      unit('worker-turns'),
      unit('worker-two-batches', 'an apply of its own'),
      schedules('two batches of one worker'),
    ],
  },
  {
    fence: 'turns',
    without: 'two batches of a worker synchronise the same order at once',
    patches: [
      {
        file: TURNS,
        find: 'if (!this.#underWay.has(order.orderId)) return false;',
        replace: 'return false;',
      },
    ],
    killers: [unit('worker-turns'), unit('worker-two-batches', 'one after the other')],
  },
  {
    fence: 'acknowledgement before effect',
    without: 'a batch is acknowledged when it is decoded',
    patches: [
      {
        file: HANDLE,
        find: '    await applyAndJudge(mine, worker);',
        replace: `    for (const { events } of mine) {
      for (const { delivery } of events) worker.perform(delivery, { kind: 'Finished', outcome: 'updated' });
    }
    worker.acknowledge();
    await applyAndJudge(mine, worker);`,
      },
    ],
    killers: [unit('worker-handle', 'stops during an outage'), schedules('after its commit')],
  },
  {
    fence: 'acknowledgement before the copy is confirmed',
    without: 'a message on its way to another queue is acknowledged when it is sent',
    patches: [
      {
        file: 'worker/dispatch.ts',
        find: '    const result = await this.#options.publish(parcel.message);',
        replace: `    parcel.confirmed();
    this.#options.completions.flushSoon();
    const result = await this.#options.publish(parcel.message);`,
      },
    ],
    killers: [unit('worker-dispatch', 'before the broker has confirmed')],
  },
  {
    fence: 'contiguous prefix',
    without: 'an acknowledgement covers earlier deliveries whose effect is not done',
    patches: [
      {
        file: 'worker/acknowledgements.ts',
        find: "      if (progress !== 'Done') {",
        replace: "      if (progress === 'Outstanding') continue;\n      if (progress !== 'Done') {",
      },
    ],
    killers: [unit('worker-acknowledgements', 'whatever order effects happen in')],
  },
  {
    fence: 'channel identity: closed channels',
    without: 'what a closed channel delivered is acknowledged all the same',
    patches: [
      {
        file: 'worker/completions.ts',
        find: '    if (!source.open) return;\n    source.acknowledgements.done',
        replace: '    source.acknowledgements.done',
      },
    ],
    killers: [unit('worker-batch', 'goes to the channel that delivered')],
  },
  {
    fence: 'channel identity: the newest channel',
    without: 'an acknowledgement goes to whichever channel is open',
    patches: [
      {
        file: 'worker/consuming-channel.ts',
        find: '/** A channel with at most one consumer',
        replace: 'const newest = new Map<string, Channel>();\n\n/** A channel with at most one consumer',
      },
      {
        file: 'worker/consuming-channel.ts',
        find: '    this.#channel = channel;',
        replace: '    this.#channel = channel;\n    newest.set(queue, channel);',
      },
      {
        file: 'worker/consuming-channel.ts',
        find: '    if (!this.#open) return;\n    try {',
        replace: '    try {',
      },
      {
        file: 'worker/consuming-channel.ts',
        find: '      this.#channel.ack(',
        replace: '      newest.get(this.queue)?.ack(',
      },
      {
        file: 'worker/completions.ts',
        find: '    if (!source.open) return;\n    source.acknowledgements.done',
        replace: '    source.acknowledgements.done',
      },
    ],
    killers: [{ file: 'test/integration/worker-channel.test.ts', names: 'a cut channel' }],
  },
  {
    fence: 'the reader reads after its lease',
    without: 'a reader fills what it read before it had the lease',
    patches: [
      {
        file: 'cache/leased-loading.ts',
        find: '    const lease = await this.#acquire(orderId, loader);',
        replace:
          '    const early = await loader.load(orderId);\n    const lease = await this.#acquire(orderId, loader);',
      },
      {
        file: 'cache/leased-loading.ts',
        find: 'this.#loadAndFill(orderId, lease.token, loader)',
        replace: 'this.#loadAndFill(orderId, lease.token, { ...loader, load: async () => early })',
      },
    ],
    killers: [schedules('published after its commit, the order absent')],
  },
];
