import { APPLY } from '../../cache/scripts/apply.ts';
import { FILL } from '../../cache/scripts/fill.ts';
import { SETTLE } from '../../cache/scripts/settle.ts';
import { without } from './cache-world.ts';

/**
 * Each fence of the scripts, taken down when it is asked for. What it guards against is shown by the races.
 */
export const FENCES = {
  /** `fill` writes although the lease was voided. */
  get 'the lease is checked by fill'() {
    return without('fill', FILL, 'if lease ~= ARGV[1] then return 0 end');
  },
  /** `fill` takes another reader's lease for its own. */
  get 'a lease is the reader’s own'() {
    return without('fill', FILL, 'if lease ~= ARGV[1] then', 'if not lease then');
  },
  /** `apply` leaves placeholders alone. */
  get 'apply voids the lease'() {
    return without(
      'apply',
      APPLY,
      "call('DEL', key)\n      result = 1",
      "call('EXISTS', key)\n      result = 1",
    );
  },
  /** `settle` writes whatever has happened since. */
  get 'settle wants its ticket'() {
    return without('settle', SETTLE, 'elseif found[4] ~= ticket then\n    result = 4');
  },
  /** `settle` leaves a record that it may not write as it is. */
  get 'what settle may not write it drops'() {
    return without('settle', SETTLE, 'if result >= 3 then', 'if result >= 3 and result ~= 4 then');
  },
  /** A ticket can be used again after the row was written. */
  get 'a ticket is used up by writing'() {
    return without('settle', SETTLE, "'lease', 'ticket'", "'lease'");
  },
  /** A ticket can be used again after the record was found equal. */
  get 'a ticket is used up by finding nothing to do'() {
    return without('settle', SETTLE, "redis.call('HDEL', key, 'ticket')\n      wrote = true");
  },
  /** ReadThrough takes a record of the same version for the same, whatever its status. */
  get 'a version alone does not make a record the same'() {
    return without('apply', APPLY, '\n    and args[2 * i + 2] == status');
  },
} as const;
