import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

export interface Health {
  readonly isAlive: boolean;
  readonly isReady: boolean;
}

/** /healthz, /readyz and /metrics. Port 0 takes a free one. Rejects when the port is taken. */
export async function serveHttp(port: number, health: Health, metrics: Registry): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', response, health, metrics).catch(() => response.destroy());
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return server;
}

async function answer(
  url: string,
  response: ServerResponse,
  health: Health,
  metrics: Registry,
): Promise<void> {
  switch (url.split('?')[0]) {
    case '/healthz':
      return plain(response, health.isAlive);
    case '/readyz':
      return plain(response, health.isReady);
    case '/metrics':
      response.setHeader('content-type', metrics.contentType);
      response.end(await metrics.metrics());
      return;
    default:
      response.statusCode = 404;
      response.end();
  }
}

function plain(response: ServerResponse, well: boolean): void {
  response.statusCode = well ? 200 : 503;
  response.setHeader('content-type', 'text/plain');
  response.end(well ? 'ok\n' : 'not ok\n');
}
