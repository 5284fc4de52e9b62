/** The demo's pods: one bundle, one command each. */
import { audit, printRedisRunId } from './audit.ts';
import { seedOrders } from './database.ts';
import { listDeadLetters, purgeDeadLetters } from './dead-letters.ts';
import { runInitiator } from './initiator.ts';
import { listLeftovers } from './leftovers.ts';
import { watchQueue } from './queue.ts';
import { runReaders, warm } from './readers.ts';
import { readSettings, type Settings } from './settings.ts';

const commands: Record<string, (settings: Settings) => Promise<void>> = {
  seed: seedOrders,
  warm,
  initiator: async (settings) => {
    if (settings.initiator === undefined)
      throw new Error('TRAFFIC.initiator: expected an object, got nothing');
    await runInitiator(settings, settings.initiator);
  },
  readers: runReaders,
  queue: watchQueue,
  audit,
  'dead-letters': listDeadLetters,
  'purge-dead-letters': purgeDeadLetters,
  'redis-id': printRedisRunId,
  leftovers: listLeftovers,
};

const name = process.argv[2] ?? '';
const command = commands[name];
if (command === undefined) {
  console.error(`expected one of ${Object.keys(commands).join(', ')}, got "${name}"`);
  process.exit(2);
}
await command(readSettings());
process.exit(0);
