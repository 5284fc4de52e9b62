import { print } from './lines.ts';
import { management } from './management.ts';
import type { Settings } from './settings.ts';

interface Letter {
  readonly properties: { readonly message_id?: string; readonly headers?: Record<string, unknown> };
}

/** Lists what lies in the dead-letter queue and leaves it there. */
export async function listDeadLetters(settings: Settings): Promise<void> {
  const letters = await management<Letter[]>(
    'POST',
    (vhost) => `queues/${vhost}/${settings.queue}.dead/get`,
    {
      count: 1000,
      ackmode: 'ack_requeue_true',
      encoding: 'base64',
    },
  );
  print({
    kind: 'dead-letters',
    letters: letters.map(({ properties }) => ({
      messageId: properties.message_id ?? '',
      reason: String(properties.headers?.['x-ordercache-reason'] ?? 'none'),
    })),
  });
}

/** What an operator does by hand after having looked at them. */
export async function purgeDeadLetters(settings: Settings): Promise<void> {
  await management('DELETE', (vhost) => `queues/${vhost}/${settings.queue}.dead/contents`);
}
