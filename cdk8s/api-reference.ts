import { CONDITION_REASONS } from '../api/conditions.ts';
import { customResourceDefinition } from '../api/crd.ts';

/** docs/api-reference.md: what `kubectl explain` says, on one page. */

export interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly items?: FieldSchema;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly additionalProperties?: FieldSchema;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly { rule: string; message: string; fieldPath?: string }[];
}

interface PrinterColumn {
  readonly name: string;
  readonly jsonPath: string;
}

export function apiReference(marker: string): string {
  const { group, names, versions } = customResourceDefinition().spec;
  const [version] = versions;
  if (version === undefined) throw new Error('expected a version in the CustomResourceDefinition, got none');
  const schema = version.schema.openAPIV3Schema as FieldSchema;
  const part = (name: string): FieldSchema => schema.properties?.[name] ?? {};
  const sections = [
    `<!-- ${marker} -->\n# API reference: ${names.kind} (${group}/${version.name})`,
    `${schema.description}\n\nNamespaced; short name \`${names.shortNames.join(', ')}\`; subresources \`status\` and \`scale\`. A field with a default may be left out.`,
    `## spec\n\n${fieldTable(part('spec'), 'spec')}`,
    `## Rules\n\nThe API server refuses what breaks one of these, beside the bounds above.\n\n${ruleTable(schema)}`,
    `## status\n\nWritten by the operator.\n\n${fieldTable(part('status'), 'status')}`,
    `## Conditions\n\n${conditions(part('status'))}`,
    `## Columns of kubectl get\n\n${columnTable(version.additionalPrinterColumns)}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

function fieldTable(schema: FieldSchema, path: string): string {
  return table(['Field', 'Type', 'Default', 'Bounds', 'Description'], fieldRows(schema, path));
}

function fieldRows(schema: FieldSchema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const own = `${path}.${name}`;
    const mandatory = schema.required?.includes(name) === true;
    const row = [
      code(own),
      typeOf(field),
      fallback(field, mandatory),
      bounds(field),
      prose(field.description ?? ''),
    ];
    const inner = field.items === undefined ? fieldRows(field, own) : fieldRows(field.items, `${own}[]`);
    return [row, ...inner];
  });
}

function typeOf(schema: FieldSchema): string {
  if (schema['x-kubernetes-int-or-string']) return 'quantity';
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? '';
}

function fallback(schema: FieldSchema, mandatory: boolean): string {
  if (mandatory) return '**required**';
  const isObject = schema.properties !== undefined && JSON.stringify(schema.default) === '{}';
  return schema.default === undefined || isObject ? '' : code(JSON.stringify(schema.default));
}

/** What a field's value is held to, as Markdown in a table's cell. */
export function bounds(schema: FieldSchema): string {
  const keys = schema['x-kubernetes-list-map-keys'];
  const found = [
    schema.enum?.map(code).join(' '),
    range(schema.minimum, schema.maximum, ''),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' items'),
    range(undefined, schema.maxProperties, ' entries'),
    schema.pattern === undefined ? undefined : code(schema.pattern),
    keys === undefined ? undefined : `unique by ${keys.join(', ')}`,
  ];
  return found.filter((text) => text !== undefined && text !== '').join('; ');
}

function range(minimum: number | undefined, maximum: number | undefined, unit: string): string {
  if (minimum === undefined && maximum === undefined) return '';
  if (minimum === undefined) return `at most ${maximum}${unit}`;
  return maximum === undefined ? `at least ${minimum}${unit}` : `${minimum} to ${maximum}${unit}`;
}

function ruleTable(schema: FieldSchema): string {
  return table(['Field', 'Rule', 'Expression'], ruleRows(schema, ''));
}

function ruleRows(schema: FieldSchema, path: string): string[][] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ rule, message, fieldPath = '' }) => [
    code(`${path}${fieldPath}`.replace(/^\./, '') || 'metadata.name'),
    message,
    code(rule),
  ]);
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    ruleRows(field.items ?? field, `${path}.${name}`),
  );
  return [...own, ...inner];
}

const WHILE_SUSPENDED =
  'While `spec.suspend` is true, `Ready`, `Reconciling`, `Stalled` and `ScalingActive` have the reason `Suspended`. The ' +
  'other conditions say what was last seen, as long as the spec still declares what they are about; after an edit of ' +
  'that they are `Unknown` with the reason `Suspended`, or `False` where it can be seen that the pods do not have it. ' +
  '`Ready` is `True` only if all that it sums up is.';

function conditions(status: FieldSchema): string {
  const types = status.properties?.conditions?.items?.properties?.type?.enum ?? [];
  return (
    `Types: ${types.map(code).join(', ')}. \`Ready\` is the summary; \`Reconciling\` and \`Stalled\` mean what ` +
    `kstatus says. Each has \`observedGeneration\`, a message, and one of these reasons ([what they mean, and what to ` +
    `do](runbooks/not-ready.md#reasons)):\n\n` +
    `${CONDITION_REASONS.map((reason) => `- ${code(reason)}`).join('\n')}\n\n${WHILE_SUSPENDED}`
  );
}

function columnTable(columns: readonly PrinterColumn[]): string {
  return table(
    ['Column', 'From'],
    columns.map(({ name, jsonPath }) => [name, code(jsonPath)]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** As text in a table's cell. */
function prose(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** As code in a table's cell. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
