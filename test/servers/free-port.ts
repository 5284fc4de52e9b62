import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the kernel gives to outgoing connections: nobody's connection takes a port while its server is
 * down, and a client that tries it again and again never meets itself.
 */
const FIRST = 20_000;
const BLOCKS = 480;
const BLOCK = 20;

/** Processes that run at the same time begin far from each other. */
let next = FIRST + ((process.pid * 61) % BLOCKS) * BLOCK;

/** A port of loopback that nobody listens on at the moment, another one at each call. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < BLOCKS * BLOCK; tried += 1) {
    const port = next;
    next = port + 1 < FIRST + BLOCKS * BLOCK ? port + 1 : FIRST;
    if (await isFree(port)) return port;
  }
  throw new Error('No free port.');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
