import { APPLY } from '../../cache/scripts/apply.ts';
import { FILL } from '../../cache/scripts/fill.ts';
import { SETTLE } from '../../cache/scripts/settle.ts';
import { without } from './cache-world.ts';

/** Each fence of the scripts, taken down. What it guards against is shown by the races. */
export const FENCES = {
  /** `fill` writes although the lease was voided. */
  'the lease is checked by fill': without('fill', FILL, 'if lease ~= ARGV[1] then return 0 end'),
  /** `fill` takes another reader's lease for its own. */
  'a lease is the reader’s own': without('fill', FILL, 'if lease ~= ARGV[1] then', 'if not lease then'),
  /** `apply` leaves placeholders alone. */
  'apply voids the lease': without(
    'apply',
    APPLY,
    "call('DEL', key)\n      result = 1",
    "call('EXISTS', key)\n      result = 1",
  ),
  /** `settle` writes whatever has happened since. */
  'settle wants its ticket': without('settle', SETTLE, 'elseif found[4] ~= ticket then\n    result = 4'),
  /** `settle` leaves a record that it may not write as it is. */
  'what settle may not write it drops': without(
    'settle',
    SETTLE,
    'if result >= 3 then',
    'if result >= 3 and result ~= 4 then',
  ),
  /** A ticket can be used again after the row was written. */
  'a ticket is used up by writing': without('settle', SETTLE, "'lease', 'ticket'", "'lease'"),
  /** A ticket can be used again after the record was found equal. */
  'a ticket is used up by finding nothing to do': without(
    'settle',
    SETTLE,
    "redis.call('HDEL', key, 'ticket')\n      wrote = true",
  ),
  /** ReadThrough takes a record of the same version for the same, whatever its status. */
  'a version alone does not make a record the same': without(
    'apply',
    APPLY,
    '\n    and args[2 * i + 2] == status',
  ),
} as const;
