import type { Mutant } from './mutant.ts';

const worker = (names: string) => ({ file: 'test/integration/worker-confirmation.test.ts', names });
const publisher = (names: string) => ({ file: 'test/integration/publisher-confirmation.test.ts', names });
const unit = (names: string) => ({ file: 'test/unit/worker-confirmation.test.ts', names });

/** The fences of confirmations: before the acknowledgement, and at nobody else’s expense. */
export const CONFIRMATION_MUTANTS: readonly Mutant[] = [
  {
    fence: 'confirmation before acknowledgement',
    without: 'an event is acknowledged before the broker has its confirmation',
    patches: [
      {
        file: 'worker/endings.ts',
        find: `    else
      this.#confirmations.tell(delivery, verdict, event, row, () =>
        this.#completions.finish(delivery, outcome, timestamp),
      );`,
        replace: `    else {
      this.#completions.finish(delivery, outcome, timestamp);
      this.#confirmations.tell(delivery, verdict, event, row, () => undefined);
    }`,
      },
    ],
    killers: [worker('exchange is missing'), worker('killed while it cannot confirm')],
  },
  {
    fence: 'reply addresses by their kind',
    without: 'an initiator writes into any queue with the rights of the worker',
    patches: [
      {
        file: 'worker/reply-address.ts',
        find: '/^(amq\\.rabbitmq\\.reply-to\\.|amq\\.gen-|confirmations\\.)[!-~]{1,200}$/',
        replace: '/^[!-~]{1,200}$/',
      },
    ],
    killers: [unit('only queues for replies'), worker('reply addresses')],
  },
  {
    fence: 'an address at which the broker fails',
    without: 'its reply is tried again for ever, and holds up the others',
    patches: [
      {
        file: 'worker/confirmations.ts',
        find: "return reason === 'BrokerFailed' || reason === 'Rejected';",
        replace: "return reason === 'Rejected';",
      },
    ],
    killers: [worker('reply addresses')],
  },
  {
    fence: 'a retry keeps its reply address',
    without: 'nobody hears of an event that was tried again',
    patches: [
      { file: 'worker/outgoing.ts', find: "return reply.kind === 'Allowed'", replace: 'return false' },
    ],
    killers: [unit('a retry keeps'), publisher('waits for its commit')],
  },
  {
    fence: 'published again after a reconnect',
    without: 'a wait goes on for a reply to a channel that is gone',
    patches: [
      {
        file: 'publisher/outstanding.ts',
        find: ', ...this.#unconfirmed.values()];',
        replace: '];',
      },
    ],
    killers: [publisher('cut off again')],
  },
];
