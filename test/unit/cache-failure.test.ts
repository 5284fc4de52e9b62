import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedisFailure, redisFailure } from '../../cache/failure.ts';

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

function network(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:6379`), { code });
}

const passing: readonly [Error, string][] = [
  [reply('LOADING Redis is loading the dataset in memory'), 'LOADING'],
  [reply("READONLY You can't write against a read only replica."), 'READONLY'],
  [reply('MASTERDOWN Link with MASTER is down'), 'MASTERDOWN'],
  [reply('CLUSTERDOWN The cluster is down'), 'CLUSTERDOWN'],
  [reply('BUSY Redis is busy running a script.'), 'BUSY'],
  [reply('MISCONF Errors writing to the AOF file'), 'MISCONF'],
  [reply('NOREPLICAS Not enough good replicas to write.'), 'NOREPLICAS'],
  [reply("OOM command not allowed when used memory > 'maxmemory'."), 'OOM'],
  [network('ECONNREFUSED'), 'ECONNREFUSED'],
  [network('ENOTFOUND'), 'ENOTFOUND'],
  [new Error('Command timed out'), 'Timeout'],
  [new Error('Connection is closed.'), 'NotConnected'],
];
for (const [error, reason] of passing) {
  test(`${reason} passes by itself`, () => {
    const failure = redisFailure(error);
    assert.deepEqual([failure.kind, failure.reason], ['RedisUnavailable', reason]);
  });
}

const needingSomebody: readonly [Error, string][] = [
  [reply('NOAUTH Authentication required.'), 'NOAUTH'],
  [reply('WRONGPASS invalid username-password pair or user is disabled.'), 'WRONGPASS'],
  [reply("NOPERM this user has no permissions to run the 'get' command"), 'NOPERM'],
  [reply("ERR unknown command 'EVALSHA'"), 'ERR'],
  [network('DEPTH_ZERO_SELF_SIGNED_CERT'), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  [network('ERR_TLS_CERT_ALTNAME_INVALID'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [network('CERT_HAS_EXPIRED'), 'CERT_HAS_EXPIRED'],
];
for (const [error, reason] of needingSomebody) {
  test(`${reason} needs somebody to act`, () => {
    const failure = redisFailure(error);
    assert.deepEqual([failure.kind, failure.reason], ['RedisRefused', reason]);
  });
}

test('a password that Redis repeats in its reply is not in the message', () => {
  const failure = redisFailure(
    reply("ERR unknown command 'AUTH', with args beginning with: 'worker' 'hunter2'"),
  );
  assert.doesNotMatch(failure.message, /hunter2/);
});

test('the error of the client is not kept, because it carries the arguments of AUTH', () => {
  const error = Object.assign(reply('WRONGPASS invalid'), { command: { name: 'auth', args: ['hunter2'] } });
  assert.doesNotMatch(JSON.stringify(Object.entries(redisFailure(error))), /hunter2/);
  assert.equal(redisFailure(error).cause, undefined);
});

test('a command without a connection fails for the reason that the connection failed', () => {
  const failure = redisFailure(new Error('Connection is closed.'), reply('WRONGPASS invalid'));
  assert.equal(failure.kind, 'RedisRefused');
});

test('whatever is thrown becomes one of the two', () => {
  for (const thing of [undefined, null, 'text', 7, {}])
    assert.ok(redisFailure(thing) instanceof RedisFailure);
});
