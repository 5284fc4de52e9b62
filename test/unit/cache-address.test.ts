import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRedisAddress } from '../../cache/address.ts';
import { RedisUriInvalid } from '../../cache/failure.ts';

const standalone = { mode: 'standalone', masterName: '', database: 0, tls: false } as const;
const nobody = { username: undefined, password: undefined };

const understood: readonly [string, ReturnType<typeof parseRedisAddress>][] = [
  ['redis://cache', { ...standalone, ...nobody, hosts: [{ host: 'cache', port: 6379 }] }],
  ['redis://cache:7000/3', { ...standalone, ...nobody, hosts: [{ host: 'cache', port: 7000 }], database: 3 }],
  ['rediss://[::1]:7000/', { ...standalone, ...nobody, hosts: [{ host: '::1', port: 7000 }], tls: true }],
  [
    'redis://worker:p%40ss%2Cword@cache',
    { ...standalone, hosts: [{ host: 'cache', port: 6379 }], username: 'worker', password: 'p@ss,word' },
  ],
  [
    'redis://:secret@cache',
    { ...standalone, hosts: [{ host: 'cache', port: 6379 }], username: undefined, password: 'secret' },
  ],
  [
    'redis://a:1,b:2,redis://c:3',
    {
      ...standalone,
      ...nobody,
      mode: 'cluster',
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
        { host: 'c', port: 3 },
      ],
    },
  ],
  [
    'rediss://u:p@s1,u:p@s2:7/2?mode=sentinel&name=main',
    {
      mode: 'sentinel',
      masterName: 'main',
      database: 2,
      tls: true,
      username: 'u',
      password: 'p',
      hosts: [
        { host: 's1', port: 26379 },
        { host: 's2', port: 7 },
      ],
    },
  ],
  [
    'redis://one?mode=cluster',
    { ...standalone, ...nobody, mode: 'cluster', hosts: [{ host: 'one', port: 6379 }] },
  ],
];
for (const [uri, address] of understood) {
  test(`${uri} is understood`, () => {
    assert.deepEqual(parseRedisAddress({ uri }), address);
  });
}

test('username and password of their own override the uri and are taken as they are', () => {
  const address = parseRedisAddress({ uri: 'redis://a:b@cache', username: 'c', password: 'p@%# ,' });
  assert.equal(address.username, 'c');
  assert.equal(address.password, 'p@%# ,');
});

test('a uri with a trailing newline is understood', () => {
  assert.equal(parseRedisAddress({ uri: 'redis://cache\n' }).hosts[0]?.host, 'cache');
});

const refused: readonly [string, RegExp][] = [
  ['', /expected redis:\/\//],
  ['http://cache', /expected redis:\/\//],
  ['redis://', /expected host/],
  ['redis://hunter2@@cache:port', /expected host/],
  ['redis://cache:99999', /expected host/],
  ['redis://cache/first', /database number/],
  ['redis://cache?mode=ring', /mode=standalone/],
  ['redis://cache?mode=sentinel', /name=<master>/],
  ['redis://a,b?mode=standalone', /one host/],
  ['redis://a,b/1?mode=cluster', /database 0/],
  ['redis://user:hunter2%zz@cache', /not percent-encoded/],
  ['redis://user:hunter2#x@cache', /encoded/],
];
for (const [uri, problem] of refused) {
  test(`${JSON.stringify(uri)} is refused, and the error shows nothing of it`, () => {
    assert.throws(
      () => parseRedisAddress({ uri }),
      (error) => {
        assert.ok(error instanceof RedisUriInvalid);
        assert.match(error.message, problem);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
}
