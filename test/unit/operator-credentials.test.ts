import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Parsed, SecretData } from '../../operator/connection-credentials.ts';
import {
  parseManagementCredentials,
  parseRabbitMqCredentials,
  parseRedisCredentials,
  redisIdentity,
} from '../../operator/credentials.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const management = { uri: 'amqp://u:p@broker/shop', managementUri: 'http://broker:15672' };

function credentials<C>(parsed: Parsed<C>): C {
  if (parsed.kind === 'Problem') throw new Error(`expected credentials, got: ${parsed.message}`);
  return parsed.credentials;
}

function message<C>(parsed: Parsed<C>): string {
  if (parsed.kind !== 'Problem') throw new Error('expected a problem, got credentials');
  assert.deepEqual([parsed.reason, parsed.retryable], ['SecretInvalid', false]);
  return parsed.message;
}

describe('Credentials of the broker', () => {
  it('take host, port, vhost, user and password out of the uri', () => {
    const { host, port, vhost, username, password, tlsEnabled } = credentials(
      parseRabbitMqCredentials({ uri: 'amqps://u%40x:p%23%25%2F@broker.shop/%2Fprod' }),
    );
    assert.deepEqual(
      [host, port, vhost, username, password, tlsEnabled],
      ['broker.shop', 5671, '/prod', 'u@x', 'p#%/', true],
    );
  });

  it('take / as the vhost when the uri names none', () => {
    for (const uri of ['amqp://u:p@h', 'amqp://u:p@h/', 'amqp://u:p@h/%2F']) {
      assert.equal(credentials(parseRabbitMqCredentials({ uri })).vhost, '/');
    }
  });

  it('let username and password override the uri, whatever characters they have', () => {
    const { username, password } = credentials(
      parseRabbitMqCredentials({ uri: 'amqp://a:b@h', username: 'c@d', password: 'p@ss #%/?:' }),
    );
    assert.deepEqual([username, password], ['c@d', 'p@ss #%/?:']);
  });

  it('lose the newline at the end of every value', () => {
    const { host, password } = credentials(
      parseRabbitMqCredentials({ uri: 'amqp://h:5673\n', username: 'u\r\n', password: 'p\n\n' }),
    );
    assert.deepEqual([host, password], ['h', 'p']);
  });

  it('know an IPv6 host', () => {
    assert.equal(credentials(parseRabbitMqCredentials({ uri: 'amqp://u:p@[::1]:5672' })).host, '::1');
  });

  it('have a management uri without credentials, /api and slashes', () => {
    const parsed = parseManagementCredentials({
      ...management,
      managementUri: 'https://x:y@mgmt/rabbit/api/',
    });
    assert.equal(credentials(parsed).managementUri, 'https://mgmt/rabbit');
  });

  it('carry certificates as texts', () => {
    const parsed = credentials(
      parseManagementCredentials({ ...management, 'ca.crt': PEM, 'tls.crt': PEM, 'tls.key': PEM }),
    );
    assert.equal(parsed.tls.ca, PEM.trimEnd());
    assert.equal(parsed.tls.key, PEM.trimEnd());
  });

  const SECRET = 'hunter2';
  const bad: [what: string, data: SecretData, says: RegExp][] = [
    ['no uri', { managementUri: management.managementUri }, /^uri: expected amqp:\/\/host:port/],
    ['an empty uri', { ...management, uri: '\n' }, /^uri: .*got none/],
    ['no managementUri', { uri: management.uri }, /^managementUri: expected http:\/\/host:port or https/],
    ['the wrong scheme', { ...management, uri: `http://u:${SECRET}@h` }, /^uri: expected amqp/],
    ['amqp as managementUri', { ...management, managementUri: `amqp://u:${SECRET}@h` }, /^managementUri: /],
    [
      'an unencoded # in the password',
      { ...management, uri: `amqp://u:${SECRET}#x@h` },
      /^uri: .*percent-enc/,
    ],
    ['an unencoded % in the password', { ...management, uri: `amqp://u:${SECRET}%zz@h` }, /^uri: .*password/],
    ['no password', { ...management, uri: 'amqp://u@h' }, /^password: expected a value here or in uri/],
    ['no user', { ...management, uri: 'amqp://h' }, /^username: expected/],
    ['a password of two lines', { ...management, password: `${SECRET}\nx` }, /^password: expected one line/],
    ['a ca.crt that is no PEM', { ...management, 'ca.crt': SECRET }, /^ca\.crt: expected a PEM/],
    ['a key without certificate', { ...management, 'tls.key': PEM }, /^tls\.crt: expected/],
    ['a certificate without key', { ...management, 'tls.crt': PEM }, /^tls\.key: expected/],
    ['no host', { ...management, uri: 'amqp://' }, /^uri: /],
    ['a port out of range', { ...management, uri: `amqp://u:${SECRET}@h:99999` }, /^uri: /],
  ];
  for (const [what, data, says] of bad) {
    it(`with ${what} give a message that names the key and not the value`, () => {
      const text = message(parseManagementCredentials(data));
      assert.match(text, says);
      assert.doesNotMatch(text, new RegExp(SECRET));
    });
  }
});

describe('Credentials of Redis', () => {
  it('keep the uri and its overrides', () => {
    const parsed = parseRedisCredentials({ uri: 'rediss://h:6380/2\n', password: 'p@%\n', 'ca.crt': PEM });
    assert.deepEqual(credentials(parsed), { uri: 'rediss://h:6380/2', password: 'p@%', ca: PEM.trimEnd() });
  });

  it('name the key and not the value when the uri is no Redis uri', () => {
    const text = message(parseRedisCredentials({ uri: 'http://u:hunter2@h' }));
    assert.match(text, /^uri: expected redis:/);
    assert.doesNotMatch(text, /hunter2/);
  });

  const identities: [uri: string, identity: string][] = [
    ['redis://H', 'h:6379/0'],
    ['redis://u:p@h:6379/0', 'h:6379/0'],
    ['redis://h/3', 'h:6379/3'],
    ['redis://b,a:7000', 'a:7000,b:6379/0'],
    ['redis://a:7000,b', 'a:7000,b:6379/0'],
    ['redis://s1,s2/1?mode=sentinel&name=main', 'main@s1:26379,s2:26379/1'],
  ];
  for (const [uri, identity] of identities) {
    it(`give ${uri} the identity ${identity}`, () => {
      assert.equal(redisIdentity(credentials(parseRedisCredentials({ uri }))), identity);
    });
  }
});
