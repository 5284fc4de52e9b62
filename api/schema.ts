import Type, { type Static, type TObject, type TProperties, type TSchema } from 'typebox';

/**
 * The vocabulary of the resource's schema: typebox builders that carry what a CRD needs beside the type.
 * A value that the API server fills in is marked by `withDefault`; the marks give two TypeScript types:
 * what a user writes (`Input`) and what the API server returns (`Static`, everything filled in).
 */
export type Defaulted<S extends TSchema> = S & { readonly default: unknown };

/** Marks a property that the API server fills in when the user leaves it out. */
export function withDefault<S extends TSchema>(schema: S, value: unknown): Defaulted<S> {
  return Object.assign(schema, { default: value });
}

/** An object whose properties all have defaults of their own, so that leaving it out means all of them. */
export function objectOfDefaults<P extends TProperties>(
  properties: P,
  description: string,
): Defaulted<TObject<P>> {
  return withDefault(Type.Object(properties, { description }), {});
}

/** One of the given PascalCase words. */
export function oneOf<const V extends readonly string[]>(values: V, description: string) {
  return Type.Unsafe<V[number]>({ type: 'string', enum: [...values], description });
}

/** A duration in whole seconds; the unit stands in the field's name. */
export function seconds(minimum: number, maximum: number, description: string) {
  return Type.Integer({ minimum, maximum, description, format: 'int32' });
}

/** A whole number between two bounds. */
export function count(minimum: number, maximum: number, description: string) {
  return Type.Integer({ minimum, maximum, description, format: 'int32' });
}

/** A string with a bound on its length, as CEL's cost budget demands of every string. */
export function text(
  description: string,
  options: { pattern?: string; minLength?: number; maxLength: number; immutable?: boolean },
) {
  const { immutable, ...bounds } = options;
  const rules = immutable ? { 'x-kubernetes-validations': [rule('self == oldSelf', 'is immutable')] } : {};
  return Type.String({ description, ...bounds, ...rules });
}

/** A CEL rule; `fieldPath` is relative to the object that carries the rule. */
export function rule(expression: string, message: string, fieldPath?: string): CelRule {
  return fieldPath === undefined ? { rule: expression, message } : { rule: expression, message, fieldPath };
}

export interface CelRule {
  rule: string;
  message: string;
  fieldPath?: string;
}

/** A Kubernetes quantity, `250m` or `128Mi`. */
export function quantity(description: string) {
  return Type.Unsafe<string | number>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    // What the API server would answer with an error 500 for in a pod is refused here, with the field.
    pattern: '^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$',
    'x-kubernetes-int-or-string': true,
    description,
  });
}

/** Labels, annotations and selectors. */
export function stringMap(maxProperties: number, description: string) {
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string', maxLength: 1024 },
    maxProperties,
    description,
  });
}

/** A list whose items are told apart by `keys`, so that server-side apply merges it item by item. */
export function listMap<S extends TSchema>(
  items: S,
  keys: string[],
  bounds: { minItems?: number; maxItems: number; description: string },
) {
  return Type.Array(items, {
    ...bounds,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
  });
}

type OmittableKey<P extends TProperties> = {
  [K in keyof P]: P[K] extends { readonly default: unknown } | { '~optional': true } ? K : never;
}[keyof P];

/** What a user may write: whatever has a default may be left out. */
export type Input<S> =
  S extends TObject<infer P>
    ? { [K in Exclude<keyof P, OmittableKey<P>>]: Input<P[K]> } & { [K in OmittableKey<P>]?: Input<P[K]> }
    : S extends { type: 'array'; items: infer E }
      ? Input<E>[]
      : S extends TSchema
        ? Static<S>
        : never;
