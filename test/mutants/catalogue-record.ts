import type { Mutant } from './mutant.ts';

const APPLY = 'cache/scripts/apply.ts';
const FILL = 'cache/scripts/fill.ts';
const SETTLE = 'cache/scripts/settle.ts';
const RACES = 'test/integration/cache-races.test.ts';
const TWIN = { file: 'test/integration/protocol-twin.test.ts', names: 'on one Redis' };
const TWIN_WITHOUT_MEMORY = { ...TWIN, names: 'out of memory' };
const OUTAGES = 'test/integration/cache-faults.test.ts';

const race = (situation: string) => ({ file: RACES, names: `${situation}.*never the dead row` });

/** The fences inside the four scripts. */
export const RECORD_MUTANTS: readonly Mutant[] = [
  {
    fence: 'lease check in fill',
    without: 'a reader writes although its lease was voided',
    patches: [{ file: FILL, find: 'if lease ~= ARGV[1] then return 0 end', replace: '' }],
    killers: [race('reads? the old row'), race('an order is deleted while'), TWIN],
  },
  {
    fence: 'lease is the reader’s own',
    without: 'any lease lets any reader write',
    patches: [{ file: FILL, find: 'if lease ~= ARGV[1] then', replace: 'if not lease then' }],
    killers: [race('its lease runs out'), TWIN],
  },
  {
    fence: 'void',
    without: 'an event leaves the lease of a reader standing',
    patches: [{ file: APPLY, find: "call('DEL', key)\n      result = 1", replace: 'result = 1' }],
    killers: [race('reads? the old row'), race('the same in ReadThrough'), TWIN],
  },
  {
    fence: 'ticket',
    without: 'settle writes whatever has happened to the record since apply',
    patches: [{ file: SETTLE, find: 'elseif found[4] ~= ticket then\n    result = 4', replace: '' }],
    killers: [
      race('settles a newer one'),
      race('the record expires'),
      race('ReadThrough worker drops'),
      TWIN,
    ],
  },
  {
    fence: 'ticket used up by writing',
    without: 'a ticket can write again',
    patches: [
      {
        file: 'cache/scripts/fragments.ts',
        find: `    redis.call('HDEL', key, '\${FIELDS.lease}', '\${FIELDS.ticket}')`,
        replace: `    redis.call('HDEL', key, '\${FIELDS.lease}')`,
      },
    ],
    killers: [race('has read and settled again'), TWIN],
  },
  {
    fence: 'ticket used up by finding nothing to do',
    without: 'a ticket outlives its settle',
    patches: [
      { file: SETTLE, find: `redis.call('HDEL', key, '\${FIELDS.ticket}')\n      wrote = true`, replace: '' },
    ],
    killers: [race('has gone back'), TWIN],
  },
  {
    fence: 'drop on refusal',
    without: 'what settle may not write stays as it is',
    patches: [{ file: SETTLE, find: 'if result >= 3 then', replace: 'if result >= 3 and result ~= 4 then' }],
    killers: [race('before its row is visible'), TWIN],
  },
  {
    fence: 'drop on refusal, without a TTL table',
    without: 'a record that may not be written stays older than its row',
    patches: [{ file: SETTLE, find: 'if result >= 3 then', replace: 'if result >= 3 and result ~= 6 then' }],
    killers: [TWIN],
  },
  {
    fence: 'no row, no record',
    without: 'a deleted order stays in the cache',
    patches: [{ file: SETTLE, find: 'if result >= 3 then', replace: 'if result >= 4 then' }],
    killers: [TWIN],
  },
  {
    fence: 'a version alone is not the same record',
    without: 'ReadThrough keeps a record of the same version with another status',
    patches: [{ file: APPLY, find: '\n    and args[2 * i + 2] == status', replace: '' }],
    killers: [race('made again'), TWIN],
  },
  {
    fence: 'only versions of one source compare',
    without: 'ReadThrough keeps a record whose version came from another column',
    patches: [{ file: APPLY, find: "\n    and token ~= '' and token == found[4]", replace: '' }],
    killers: [TWIN],
  },
  {
    fence: 'out of memory: apply drops',
    without: 'a record that cannot be marked stays',
    patches: [
      {
        file: APPLY,
        find: "string.find(reply.err, 'OOM', 1, true) then\n      call('DEL', key)",
        replace: "string.find(reply.err, 'OOM', 1, true) then",
      },
    ],
    killers: [{ file: OUTAGES, names: 'cannot be marked is dropped' }, TWIN_WITHOUT_MEMORY],
  },
  {
    fence: 'out of memory: settle drops',
    without: 'a record that cannot be written stays older than its row',
    patches: [{ file: SETTLE, find: 'if result >= 3 then', replace: 'if result >= 3 and result ~= 5 then' }],
    killers: [{ file: OUTAGES, names: 'cannot be settled is dropped' }, TWIN_WITHOUT_MEMORY],
  },
  {
    fence: 'out of memory: fill drops',
    without: 'a reader that cannot write leaves its lease behind',
    patches: [
      {
        file: FILL,
        find: "  return 1\nend\nredis.call('DEL', key)",
        replace: '  return 1\nend',
      },
    ],
    killers: [{ file: OUTAGES, names: 'leaves no record' }, TWIN_WITHOUT_MEMORY],
  },
  {
    fence: 'master proof in apply',
    without: 'a replica calls an order absent whose record it does not have yet',
    patches: [{ file: APPLY, find: 'if not wrote then prove_master(keys[1]) end', replace: '' }],
    killers: [{ file: OUTAGES, names: 'a master that became a replica' }],
  },
  {
    fence: 'master proof in settle',
    without: 'a replica calls an order settled',
    patches: [{ file: SETTLE, find: 'if not wrote then prove_master(KEYS[1]) end', replace: '' }],
    killers: [{ file: OUTAGES, names: 'a master that became a replica' }],
  },
];
