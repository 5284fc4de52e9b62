import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';

/** The broker forgets acknowledgements that it has not yet passed on to the queue when their connection closes. */
const SETTLING_MILLISECONDS = 1_000;

/**
 * Tells at `/report` how many messages were acknowledged, as the worker does, so that all are measured alike. Ends on
 * SIGTERM.
 */
export function reportProgress(port: number, acknowledged: () => number, connection: ChannelModel): void {
  createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ acknowledged: acknowledged() }));
  }).listen(port, '127.0.0.1');
  process.once('SIGTERM', async () => {
    await sleep(SETTLING_MILLISECONDS);
    await connection.close();
    process.exit(0);
  });
}

/** The first command line argument. */
export function parameters<T>(): T {
  return JSON.parse(process.argv[2] ?? '');
}
