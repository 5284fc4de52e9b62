/** Where an initiator wants its confirmation, as far as it may say so. Pure. */

const DIRECT = 'amq.rabbitmq.reply-to.';

/**
 * Direct reply-to, a queue that the broker named, a queue made for confirmations: with another name an initiator could
 * write into any queue of the virtual host with the worker's rights. AMQP allows 255 bytes.
 */
const ALLOWED = /^(amq\.rabbitmq\.reply-to\.|amq\.gen-|confirmations\.)[!-~]{1,200}$/;

export type ReplyAddress =
  | { readonly kind: 'None' }
  | { readonly kind: 'Allowed'; readonly queue: string }
  | { readonly kind: 'Refused' };

export function replyAddress(replyTo: unknown): ReplyAddress {
  if (replyTo === undefined || replyTo === '') return { kind: 'None' };
  if (typeof replyTo === 'string' && ALLOWED.test(replyTo)) return { kind: 'Allowed', queue: replyTo };
  return { kind: 'Refused' };
}

/**
 * The broker node that a direct reply address names, in whatever form; undefined for a queue. The address is an Erlang
 * process identifier in base64, whose last 12 bytes count processes and what comes before them is the node.
 */
export function replyNode(queue: string): string | undefined {
  if (!queue.startsWith(DIRECT)) return undefined;
  const [process = ''] = queue.slice(DIRECT.length).split('.');
  return Buffer.from(process, 'base64').subarray(0, -12).toString('latin1');
}
