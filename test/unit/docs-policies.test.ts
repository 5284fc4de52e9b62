import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { customResourceDefinition } from '../../api/crd.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { policySpec } from '../../api/policy-spec.ts';
import { inputCheck } from '../../cdk8s/input-check.ts';
import { eventSettings } from '../../publisher/options.ts';
import { fence, PAGES, read, words } from '../fixtures/docs-pages.ts';

/** What the pages say of policies: their YAML, and each field, value and default that they name. */

const mistakes = inputCheck(policySpec);
const orders = parse(read('docs/examples/orders.yaml'));

interface Schema {
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const definition: Schema = customResourceDefinition().spec.versions[0]?.schema.openAPIV3Schema as Schema;

function fieldAt(path: string): Schema | undefined {
  return path.split('.').reduce<Schema | undefined>((schema, name) => {
    const inner = schema?.items ?? schema;
    return inner?.properties?.[name];
  }, definition);
}

/** Each field of that name, wherever it is. */
function fieldsNamed(name: string, schema: Schema = definition): Schema[] {
  return Object.entries((schema.items ?? schema).properties ?? {}).flatMap(([key, field]) => [
    ...(key === name ? [field] : []),
    ...fieldsNamed(name, field),
  ]);
}

/** `spec.ttl.absentSeconds`, or `database.writer` for short. */
function fieldPath(word: string): string | undefined {
  const [, path = ''] = /^((?:\w+\.)+[a-z]\w*)(?:: \w+)?$/.exec(word) ?? [];
  const [first = '', second = ''] = path.split('.');
  if (first === 'spec' || first === 'status') return path;
  const isFile = /^(md|sql|ts|yaml)$/.test(second);
  return fieldAt(`spec.${first}`)?.properties !== undefined && !isFile ? `spec.${path}` : undefined;
}

describe('the YAML of a policy', () => {
  it('in README.md fits the schema', () => {
    const policy = parse(fence(read('README.md'), 'yaml'));
    assert.deepEqual(mistakes(policy.spec), []);
    assert.equal(`${policy.kind} ${policy.apiVersion}`, `${orders.kind} ${orders.apiVersion}`);
  });

  it('in docs/confirmation.md fits the schema, and its defaults are', () => {
    const yaml = fence(read('docs/confirmation.md'), 'yaml');
    const { spec } = parse(yaml);
    assert.deepEqual(mistakes({ ...orders.spec, ...spec }), []);
    const defaults = [...yaml.matchAll(/^ +(\w+): (\S+) +# the default/gm)];
    assert.equal(defaults.length, 2);
    for (const [, name, value = ''] of defaults)
      assert.deepEqual(fieldAt(`spec.confirmation.${name}`)?.default, parse(value), name);
  });
});

/** The paths of values that are not the default of their field. */
function departures(schema: Schema | undefined, value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => departures(schema?.items, each, path));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, inner]) =>
      departures(schema?.properties?.[name], inner, `${path}.${name}`),
    );
  return schema?.default === undefined || schema.default === value ? [] : [path];
}

describe('docs/examples/orders.yaml', () => {
  it('has defaults where it does not say something else', () => {
    const said = ['spec.rabbitmq.exchanges.managementPolicy', 'spec.rabbitmq.bindings.routingKey'];
    assert.deepEqual(new Set(departures(fieldAt('spec'), orders.spec, 'spec')), new Set(said));
    const { versionPointer, ...event } = orders.spec.event;
    assert.equal(versionPointer, '/version');
    assert.deepEqual(eventSettings(), event);
  });
});

describe('the event in README.md', () => {
  it('is one for a policy that says nothing of events', () => {
    const [, event = ''] = /`(\{"orderId"[^`]+\})`/.exec(read('README.md')) ?? [];
    const decoded = eventDecoder(eventSettings())(Buffer.from(event), {});
    assert.equal(decoded.kind, 'Event', JSON.stringify(decoded));
  });
});

/** Names what was left out. */
const LEFT_OUT = 'docs/adr/0002-what-0.1.0-leaves-out.md';

describe('fields that a page names', () => {
  for (const page of PAGES.filter((path) => path !== LEFT_OUT)) {
    const text = read(page);
    const paths = words(text).flatMap((word) => fieldPath(word) ?? []);
    const values = words(text).flatMap((word) => {
      const [, name = '', value = ''] = /(?:^|\.)(\w+): ([A-Z]\w+)$/.exec(word) ?? [];
      return name === '' ? [] : [{ name, value }];
    });
    if (paths.length + values.length === 0) continue;

    it(`${page}: are there`, () => {
      assert.deepEqual(
        paths.filter((path) => fieldAt(path) === undefined),
        [],
      );
    });

    it(`${page}: may have the values that it names`, () => {
      const strange = values.filter(
        ({ name, value }) => !fieldsNamed(name).some((field) => field.enum?.includes(value)),
      );
      assert.deepEqual(strange, []);
    });
  }

  it('have the defaults that the pages say', () => {
    const said = PAGES.flatMap((page) =>
      [...read(page).matchAll(/`(spec\.[\w.]+)`[^.`]{0,40}\(default `?([^)`]+)`?\)/g)].map(
        ([, path = '', value = '']) => ({ page, path, value }),
      ),
    );
    assert.ok(said.length > 1);
    for (const { page, path, value } of said)
      assert.equal(String(fieldAt(path)?.default), value, `${page}: ${path}`);
  });
});
