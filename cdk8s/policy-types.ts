import { customResourceDefinition } from '../api/crd.ts';
import { bounds, type FieldSchema } from './api-reference.ts';

/** cdk8s/policy-spec.generated.ts: the spec as a user writes it, each field with its description, default and bounds. */
export function policyTypes(marker: string): string {
  const [version] = customResourceDefinition().spec.versions;
  const schema = version?.schema.openAPIV3Schema as FieldSchema;
  const spec = schema.properties?.spec ?? {};
  return `// ${marker}\n\n${comment(spec, '')}export interface OrderCachePolicySpecInput ${typeOf(spec, '')}\n`;
}

function typeOf(schema: FieldSchema, indent: string): string {
  if (schema['x-kubernetes-int-or-string']) return 'string | number';
  if (schema.enum !== undefined) return schema.enum.map((value) => `'${value}'`).join(' | ');
  if (schema.items !== undefined) return listOf(typeOf(schema.items, indent));
  if (schema.additionalProperties !== undefined)
    return `Record<string, ${typeOf(schema.additionalProperties, indent)}>`;
  if (schema.properties !== undefined) return objectType(schema, indent);
  if (schema.type === 'integer') return 'number';
  if (schema.type === 'string' || schema.type === 'boolean') return schema.type;
  throw new Error(`expected a type that TypeScript has, got ${JSON.stringify(schema)}`);
}

function listOf(type: string): string {
  return type.includes(' | ') && !type.startsWith('{') ? `(${type})[]` : `${type}[]`;
}

function objectType(schema: FieldSchema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const mark = schema.required?.includes(name) === true ? '' : '?';
    return `${comment(field, inner)}${inner}${name}${mark}: ${typeOf(field, inner)};\n`;
  });
  return `{\n${fields.join('')}${indent}}`;
}

function comment(schema: FieldSchema, indent: string): string {
  const lines = [schema.description, boundsLine(schema), defaultLine(schema)].filter(
    (line) => line !== undefined,
  );
  if (lines.length === 0) return '';
  const text = lines.map((line) => `${indent} * ${line.replaceAll('*/', '*\\/')}\n`).join(`${indent} *\n`);
  return `${indent}/**\n${text}${indent} */\n`;
}

function boundsLine(schema: FieldSchema): string | undefined {
  const found = bounds(schema).replaceAll('\\|', '|');
  return found === '' || schema.enum !== undefined ? undefined : `Bounds: ${found}.`;
}

/** Most descriptions say it in their words; that of an object is the sum of its fields' defaults. */
function defaultLine({ default: value, properties, description = '' }: FieldSchema): string | undefined {
  if (value === undefined || properties !== undefined || description.includes('Default: ')) return undefined;
  return `Default: ${JSON.stringify(value)}.`;
}
