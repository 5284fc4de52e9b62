import { createServer } from 'node:http';

/** Tells at `/report` how many messages were acknowledged, as the worker does, so that all are measured alike. */
export function reportProgress(port: number, acknowledged: () => number): void {
  createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ acknowledged: acknowledged() }));
  }).listen(port, '127.0.0.1');
  process.once('SIGTERM', () => process.exit(0));
}

/** The first command line argument. */
export function parameters<T>(): T {
  return JSON.parse(process.argv[2] ?? '');
}
