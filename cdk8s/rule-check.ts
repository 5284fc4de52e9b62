import { parse } from '@marcbachmann/cel-js';
import type { CelRule } from '../api/schema.ts';

/**
 * What the API server refuses of a new object beside its schema: CEL rules, of which those that compare with the old
 * object hold for edits only, and items of a list map that are there twice.
 */

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

type Check = (value: unknown, path: string) => string[];

/** One line for each mistake, with the field, what was expected and what came. The value has its defaults filled in. */
export function ruleCheck(schema: object): Check {
  const { properties = {}, items, ...own } = schema as Schema;
  const rules = (own['x-kubernetes-validations'] ?? []).filter(({ rule }) => !/\boldSelf\b/.test(rule));
  const checks: Check[] = [
    ...rules.map(ruleOf),
    ...Object.entries(properties).map(([name, property]) => fieldCheck(name, ruleCheck(property))),
  ];
  if (items !== undefined) checks.push(itemsCheck(ruleCheck(items)));
  const keys = own['x-kubernetes-list-map-keys'];
  if (keys !== undefined) checks.push(duplicateCheck(keys));
  return (value, path) => checks.flatMap((check) => check(value, path));
}

function ruleOf({ rule, message, fieldPath }: CelRule): Check {
  const evaluate = parse(rule);
  // Without fieldPath, which may not lead into metadata, the message begins with the field.
  const [said = ''] = message.split(' ');
  return (value, path) => {
    if (value === undefined || evaluate({ self: celValue(value) }) === true) return [];
    const field = fieldPath === undefined ? '' : `${path}${fieldPath}: `.replace(/^\./, '');
    const got = (fieldPath ?? `.${said}`).split('.').slice(1).reduce(child, value);
    return [`${field}${message}, got ${shown(got)}`];
  };
}

function fieldCheck(name: string, check: Check): Check {
  return (value, path) => {
    const field = child(value, name);
    return field === undefined ? [] : check(field, `${path}.${name}`);
  };
}

function itemsCheck(check: Check): Check {
  return (value, path) =>
    Array.isArray(value) ? value.flatMap((item, index) => check(item, `${path}[${index}]`)) : [];
}

function duplicateCheck(keys: readonly string[]): Check {
  return (value, path) => {
    const ids = Array.isArray(value) ? value.map((item) => shown(keys.map((key) => child(item, key)))) : [];
    return ids.flatMap((id, index) =>
      ids.indexOf(id) < index
        ? [`${path.slice(1)}[${index}]: must differ from other items in ${keys.join(' and ')}, got ${id}`]
        : [],
    );
  };
}

function child(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** CEL's integers are bigints here. */
function celValue(value: unknown): unknown {
  if (Number.isInteger(value)) return BigInt(Number(value));
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value !== 'object' || value === null) return value;
  const present = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(present.map(([name, inner]) => [name, celValue(inner)]));
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
