import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { CONTRACT_DIRECTORY, contractFiles } from '../../build/contract/contract.ts';
import { readFillReply, readLeaseReply } from '../../cache/outcomes.ts';

/** docs/contract is what its sources say; its AsyncAPI document is one, and the heads of its scripts are true. */

const files = contractFiles();
const onDisk = (name: string) => readFileSync(join(CONTRACT_DIRECTORY, name), 'utf8');

describe('docs/contract', () => {
  for (const [name, content] of files)
    it(`${name} is what its sources say (else: make generate)`, () => assert.equal(onDisk(name), content));

  it('has no other file', () => {
    assert.deepEqual(readdirSync(CONTRACT_DIRECTORY).sort(), [...files.keys()].sort());
  });
});

describe('asyncapi.yaml', () => {
  const specification = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');
  const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
  const isAsyncApi = ajv.compile(specification);
  const document = () => parse(onDisk('asyncapi.yaml'));

  it('is AsyncAPI 3.0', () => {
    assert.ok(isAsyncApi(document()), JSON.stringify(isAsyncApi.errors?.slice(0, 3)));
  });

  it('would not be with a wrong binding, a wrong action or a channel without its message', () => {
    const wrong: ((spoilt: ReturnType<typeof document>) => void)[] = [
      ({ channels }) => Object.assign(channels.orderStatus.bindings.amqp, { is: 'stream' }),
      ({ operations }) => Object.assign(operations.sendDeadLetter, { action: 'publish' }),
      ({ channels }) => Object.assign(channels.deadLetters, { messages: { deadLetter: 7 } }),
    ];
    for (const spoil of wrong) {
      const spoilt = document();
      spoil(spoilt);
      assert.equal(isAsyncApi(spoilt), false);
    }
  });

  it('refers to what is there', () => {
    const refs = [...onDisk('asyncapi.yaml').matchAll(/\$ref: "?([^"\s]+)"?/g)].map(([, ref = '']) => ref);
    assert.ok(refs.length > 10);
    for (const ref of refs) {
      const [file = '', pointer = ''] = ref.split('#');
      if (file !== '') assert.ok(existsSync(join(CONTRACT_DIRECTORY, file)), ref);
      const target = file === '' ? document() : JSON.parse(onDisk(file));
      const found = pointer
        .split('/')
        .slice(1)
        .reduce((at, name) => at?.[name], target);
      assert.ok(found, `${ref} leads nowhere`);
    }
  });
});

describe('the scripts', () => {
  const readers = { lease: (reply: number) => readLeaseReply(reply, 't'), fill: readFillReply };

  for (const [name, read] of Object.entries(readers)) {
    const [head = '', ...rest] = onDisk(`${name}.lua`).split('\n\n');
    const script = rest.join('\n\n');
    const named = (text: string, what: string) => [
      ...new Set(
        [...text.matchAll(new RegExp(`${what}\\[(\\d+)\\]`, 'g'))].map(([, index]) => Number(index)),
      ),
    ];

    it(`${name}.lua says which keys and arguments it takes`, () => {
      for (const what of ['KEYS', 'ARGV'])
        assert.deepEqual(named(head, what).sort(), named(script, what).sort(), what);
    });

    it(`${name}.lua says what each of its replies means`, () => {
      const result = head.slice(head.indexOf('Result'));
      const told = [...result.matchAll(/(?<=^--\s+|[:,]\s+|\n--\s+)(\d)(?= )/gm)].map(([, reply]) =>
        Number(reply),
      );
      const known = [0, 1, 2, 3, 4, 5, 6, 7].filter((reply) => {
        try {
          return read(reply) !== undefined;
        } catch {
          return false;
        }
      });
      assert.deepEqual(told.sort(), known);
    });
  }
});
