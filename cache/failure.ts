/**
 * The only two ways in which a call to Redis fails. Neither is the fault of an event or of a reader's caller: pause or
 * do without Redis, and try again. The message holds no secret and no key. The client's own error is not kept as
 * `cause`, because it carries the arguments of the command, AUTH included.
 */
export abstract class RedisFailure extends Error {
  abstract readonly kind: 'RedisUnavailable' | 'RedisRefused';
  /** One word for logs and metrics: an errno, the first word of Redis' reply, `Timeout` or `NotConnected`. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
    this.name = new.target.name;
  }
}

/** Redis is away, slow, loading, failing over, or may not write at the moment. It passes by itself. */
export class RedisUnavailable extends RedisFailure {
  readonly kind = 'RedisUnavailable';
}

/** Redis answers and refuses: credentials, rights, certificates or commands are wrong. Somebody must act. */
export class RedisRefused extends RedisFailure {
  readonly kind = 'RedisRefused';
}

/** The connection's settings (a Secret's `uri`, for example) cannot be used. Names the key, never the value. */
export class RedisUriInvalid extends Error {
  override readonly name = 'RedisUriInvalid';
}

const PASSING_REPLIES = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOREPLICAS',
  'NOSCRIPT',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'UNKILLABLE',
]);

const CERTIFICATE_CODES =
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|^ERR_TLS|^ERR_SSL|^ERR_OSSL/;

const REPLY_WORD = /^[A-Z][A-Z]+$/;

/**
 * Names what went wrong. `connectionError` is the last error of the connection itself: a command that fails because
 * there is no connection fails for that reason.
 */
export function redisFailure(error: unknown, connectionError?: unknown): RedisFailure {
  if (error instanceof RedisFailure) return error;
  if (!(error instanceof Error)) return unavailable('Unknown', 'unknown error');
  if (isReply(error)) return replyFailure(error.message);
  const code = errorCode(error);
  if (code !== undefined) return networkFailure(code, error.message);
  if (error.message === 'Command timed out')
    return unavailable('Timeout', 'no answer within the command timeout');
  if (connectionError !== undefined) return redisFailure(connectionError);
  return unavailable('NotConnected', 'not connected');
}

function isReply(error: Error): boolean {
  return error.name === 'ReplyError';
}

/** Redis repeats the arguments of a command that it does not know, AUTH and its password included. */
function replyFailure(text: string): RedisFailure {
  const [safe = ''] = text.split(', with args beginning with');
  const message = safe.slice(0, 200);
  const [word = ''] = message.split(' ', 1);
  const reason = REPLY_WORD.test(word) ? word : 'ERR';
  if (PASSING_REPLIES.has(reason)) return unavailable(reason, message);
  return new RedisRefused(reason, `Redis refuses: ${message}`);
}

function networkFailure(code: string, message: string): RedisFailure {
  const text = message.slice(0, 200);
  if (CERTIFICATE_CODES.test(code)) return new RedisRefused(code, `Redis connection refused by TLS: ${text}`);
  return unavailable(code, text);
}

function unavailable(reason: string, text: string): RedisUnavailable {
  return new RedisUnavailable(reason, `Redis is unavailable: ${text}`);
}

function errorCode(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
