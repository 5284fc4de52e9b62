/** W3C Trace Context, version 00; the longer forms of versions to come are not read. */
const SHAPE = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The name of the AMQP header and of the CloudEvents extension attribute. */
export const TRACEPARENT = 'traceparent';

/** The value if it is a traceparent of W3C Trace Context, else undefined: nothing else goes into logs or headers. */
export function validTraceparent(value: unknown): string | undefined {
  return typeof value === 'string' && SHAPE.test(value) ? value : undefined;
}
