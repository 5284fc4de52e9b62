import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Scope } from '../servers/index.ts';

const short = (value: number) => [value >> 8, value & 0xff];
const long = (value: number) => [...short(value >>> 16), ...short(value & 0xffff)];
const text = (value: string) => [...Buffer.from(value)];

/** A method of class connection, on channel 0. */
function method(id: number, fields: readonly number[]): Buffer {
  const payload = [...short(10), ...short(id), ...fields];
  return Buffer.from([1, ...short(0), ...long(payload.length), ...payload, 0xce]);
}

const START = method(10, [0, 9, ...long(0), ...long(5), ...text('PLAIN'), ...long(5), ...text('en_US')]);
const TUNE = method(30, [...short(100), ...long(131_072), ...short(0)]);
const OPEN_OK = method(41, [0]);
const CLOSE = method(50, [...short(320), 8, ...text('shutdown'), ...short(0), ...short(0)]);
/** What the client sends: class connection, method open. */
const OPEN = Buffer.from([0, 10, 0, 40]);

/** A broker that shuts down while it lets a client in: it says so in the same breath. */
export async function closingBroker(scope: Scope): Promise<{ uri: string; connections(): number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      if (data.subarray(0, 4).toString() === 'AMQP') socket.write(START);
      else if (data.includes(OPEN)) socket.write(Buffer.concat([OPEN_OK, CLOSE]));
      else if (data.includes('PLAIN')) socket.write(TUNE);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.after(async () => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { uri: `amqp://a:b@127.0.0.1:${port}`, connections: () => connections };
}
