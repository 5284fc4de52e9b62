/** A schema as it applies to what somebody wrote, before defaults are filled in. */

type Json = { readonly [key: string]: unknown };

/**
 * Plain JSON schema from a schema of api/: properties with a default may be left out, unknown properties are
 * refused, and what only Kubernetes understands is gone.
 */
export function inputSchema(schema: object): Json {
  return open(schema as Json);
}

function open(schema: Json): Json {
  const kept = Object.entries(schema).filter(
    ([key]) => !key.startsWith('x-kubernetes-') && !key.startsWith('~'),
  );
  const result: Record<string, unknown> = Object.fromEntries(
    kept.map(([key, value]) => [key, inner(key, value)]),
  );
  if (!isObject(schema.properties)) return result;
  const { required, ...rest } = result;
  const mandatory = mandatoryNames(required, schema.properties);
  return { ...rest, additionalProperties: false, ...(mandatory.length > 0 ? { required: mandatory } : {}) };
}

function inner(key: string, value: unknown): unknown {
  if (key === 'properties' && isObject(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, property]) => [name, open(property as Json)]),
    );
  if (key === 'anyOf' && Array.isArray(value)) return value.map((branch) => open(branch));
  if ((key === 'items' || key === 'additionalProperties') && isObject(value)) return open(value);
  return value;
}

function mandatoryNames(required: unknown, properties: Json): string[] {
  if (!Array.isArray(required)) return [];
  return required.filter((name: string) => {
    const property = properties[name];
    return !(isObject(property) && 'default' in property);
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
