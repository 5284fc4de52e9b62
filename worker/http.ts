import { createServer, type Server, type ServerResponse } from 'node:http';

/** What a process tells about itself; all of it answers with every server away. */
export interface HttpSources {
  /** False when the event loop is not getting anywhere; a restart may help. An outage is no such thing. */
  readonly alive: () => boolean;
  /**
   * True once the consumers have been established for the first time, and then for good. A paused worker stays ready:
   * nobody sends it requests, and a worker that turned unready with Redis would stop rollouts and spend the disruption
   * budget because of an outage that no pod can help. The report and the metrics tell of pauses.
   */
  readonly ready: () => boolean;
  readonly metrics: () => Promise<string>;
  /** Sent as JSON. */
  readonly report: () => object;
}

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** Serves /healthz, /readyz, /metrics and /report. Rejects when the port is taken. */
export async function serveHttp(port: number, sources: HttpSources): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return reply(response, 405, 'method not allowed');
    void answer(path, response, sources).catch(() => reply(response, 500, 'internal error'));
  });
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 15_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  });
  return server;
}

async function answer(path: string, response: ServerResponse, sources: HttpSources): Promise<void> {
  if (path === '/healthz') return check(response, sources.alive());
  if (path === '/readyz') return check(response, sources.ready());
  if (path === '/metrics') return reply(response, 200, await sources.metrics(), PROMETHEUS_TEXT);
  if (path === '/report') {
    return reply(response, 200, JSON.stringify(sources.report()), 'application/json');
  }
  reply(response, 404, 'not found');
}

function check(response: ServerResponse, fine: boolean): void {
  reply(response, fine ? 200 : 503, fine ? 'ok' : 'not ok');
}

function reply(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': type });
  response.end(body);
}
