import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Direction, type Fault } from './fault-traffic.ts';
import { freePort } from './free-port.ts';
import type { Scope } from './scope.ts';

/**
 * A TCP proxy on 127.0.0.1 that fails on command. Each call replaces the fault before it:
 * - `pass`: no fault. Connections of which something was swallowed are reset, since they cannot go on.
 * - `cut`: connections are reset and new ones refused, as when the server is gone.
 * - `blackHole`: connections stand and new ones are accepted, but every byte is swallowed.
 * - `stall`: as blackHole, but the bytes are kept and arrive at the next `pass`, as after a healed partition.
 * - `delay`: every byte, in both directions, arrives so many milliseconds later (at most 60,000).
 */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Connections open now. */
  connections(): number;
  pass(): Promise<void>;
  cut(): Promise<void>;
  blackHole(): Promise<void>;
  stall(): Promise<void>;
  delay(milliseconds: number): Promise<void>;
  /** Resets what is open, once; new connections are served. */
  reset(): void;
  /** The same URI with the proxy's host and port. */
  through(uri: string): string;
}

const maxConnections = 500;

interface Link {
  readonly sockets: readonly [Socket, Socket];
  readonly directions: readonly [Direction, Direction];
}

/** @param target a URI or `host:port` of what is behind the proxy; ends with the test */
export async function faultProxy(scope: Scope, target: string): Promise<FaultProxy> {
  const { hostname, port: targetPort } = new URL(target.includes('://') ? target : `tcp://${target}`);
  const links = new Set<Link>();
  let fault: Fault = { kind: 'pass' };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (links.size >= maxConnections) client.resetAndDestroy();
    else
      track(links, client, connect({ host: hostname, port: Number(targetPort), allowHalfOpen: true }), fault);
  });
  const port = await freePort();
  await listen(server, port);

  const set = async (next: Fault) => {
    fault = next;
    for (const link of links) setFault(link, next);
    if (!server.listening) await listen(server, port);
  };
  const cut = async () => {
    if (server.listening) server.close();
    for (const link of links) resetLink(link);
  };
  scope.after(cut);
  return {
    host: '127.0.0.1',
    port,
    connections: () => links.size,
    pass: () => set({ kind: 'pass' }),
    cut,
    blackHole: () => set({ kind: 'swallow' }),
    stall: () => set({ kind: 'hold' }),
    delay: (milliseconds) => set({ kind: 'delay', milliseconds: Math.min(milliseconds, 60_000) }),
    reset: () => {
      for (const link of links) resetLink(link);
    },
    through: (uri) => throughProxy(uri, port),
  };
}

function track(links: Set<Link>, client: Socket, upstream: Socket, fault: Fault): void {
  const directions = [
    new Direction(client, upstream, fault),
    new Direction(upstream, client, fault),
  ] as const;
  const link: Link = { sockets: [client, upstream], directions };
  links.add(link);
  for (const socket of link.sockets) {
    socket.on('close', () => {
      if (link.sockets.every((each) => each.destroyed)) links.delete(link);
    });
  }
}

function setFault(link: Link, fault: Fault): void {
  const broken = fault.kind !== 'swallow' && link.directions.some((direction) => direction.swallowed);
  if (broken) resetLink(link);
  else for (const direction of link.directions) direction.setFault(fault);
}

function resetLink({ sockets }: Link): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

function throughProxy(uri: string, port: number): string {
  const url = new URL(uri);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return url.href;
}
