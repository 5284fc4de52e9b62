import { stringify } from 'yaml';
import { inputSchema } from '../input-schema.ts';
import { RENAMED } from '../values.ts';
import { chartSchema, globalSchema } from './chart-values.ts';

/** values.yaml, values.schema.json and the table of values, all from the schema of the values. */

interface Value {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Value>>;
}

const values = chartSchema.properties as unknown as Readonly<Record<string, Value>>;

/** values.yaml: each value with its default under its description. */
export function valuesYaml(): string {
  return lines(values, 0).join('\n').replace(/^\n/, '').concat('\n');
}

function lines(properties: Readonly<Record<string, Value>>, depth: number): string[] {
  return Object.entries(properties).flatMap(([name, value]) => [
    ...(depth === 0 ? [''] : []),
    ...comment(describe(value), 110 - depth).map((line) => indented(`# ${line}`, depth)),
    ...entry(name, value, depth),
  ]);
}

function entry(name: string, value: Value, depth: number): string[] {
  if (value.properties !== undefined)
    return [indented(`${name}:`, depth), ...lines(value.properties, depth + 2)];
  if (value.default === undefined) return [indented(`# ${name}:`, depth)];
  const text = stringify({ [name]: value.default }, { lineWidth: 0 }).trimEnd();
  return text.split('\n').map((line) => indented(line, depth));
}

function describe({ description = '', enum: words }: Value): string {
  return words === undefined ? description : `${description} One of: ${words.filter(Boolean).join(', ')}.`;
}

function comment(text: string, width: number): string[] {
  const result: string[] = [];
  for (const word of text.split(' ')) {
    const last = result.at(-1);
    if (last === undefined || last.length + word.length + 1 > width - 2) result.push(word);
    else result[result.length - 1] = `${last} ${word}`;
  }
  return result;
}

const indented = (line: string, depth: number): string => ' '.repeat(depth) + line;

/** values.schema.json: Helm refuses other values with the field's path. */
export function valuesSchemaJson(marker: string): string {
  const schema = inputSchema(chartSchema);
  // Whatever is given is refused, and the message ends with the new name.
  const renamed = Object.fromEntries(
    Object.entries(RENAMED).map(([old, name]) => [old, { const: `renamed: ${name}` }]),
  );
  const properties = {
    ...(schema.properties as Readonly<Record<string, object>>),
    global: { ...(schema.properties as { global: object }).global, ...globalSchema },
    ...renamed,
  };
  const anyOf = [
    { properties: { clusterWide: { const: true } }, required: ['clusterWide'] },
    { properties: { watchNamespaces: { minItems: 1 } } },
  ];
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', $comment: marker };
  return `${JSON.stringify({ ...head, ...schema, properties, anyOf }, null, 2)}\n`;
}

/** The values as rows of a Markdown table. */
export function valuesTable(): string {
  const rows = tableRows(values, '');
  return ['| Value | What it is | Default |', '|---|---|---|', ...rows].join('\n');
}

function tableRows(properties: Readonly<Record<string, Value>>, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, value]) => {
    if (value.properties !== undefined) return tableRows(value.properties, `${prefix}${name}.`);
    const fallback = value.default === undefined ? '' : `\`${JSON.stringify(value.default)}\``;
    return [`| \`${prefix}${name}\` | ${describe(value)} | ${fallback} |`];
  });
}
