import { stringify } from 'yaml';

/**
 * Helm expressions in an object that is still plain JSON. An expression travels as a string that YAML never quotes
 * and that stands for itself until the object has become text; `templateOf` then unwraps it.
 */

/** In place of a scalar, or of a part of one: `{{ expression }}`. */
export function inline(expression: string): string {
  return wrap('inline', expression);
}

/** In place of an object or list: `toYaml` of the expression; where that is empty the key is left out. */
export function block(expression: string): string {
  return wrap('block', `${expression}\ntoYaml .`);
}

/** In place of an object or list that a named template has already made YAML of. */
export function yamlBlock(expression: string): string {
  return wrap('block', `${expression}\n.`);
}

/** In place of an item of a list: the items of a list. */
export function items(expression: string): string {
  return wrap('items', expression);
}

const ITEMS = /^( *)- helm\.items\.([\w-]+)\.end$/gm;
const INLINE = /helm\.inline\.([\w-]+)\.end/g;
const BLOCK = /^( *)([^:\n]+): helm\.block\.([\w-]+)\.end$/gm;

/** The object as the text of a template. Throws when the object itself holds what Helm would read as a template. */
export function templateOf(object: object): string {
  const text = stringify(object, { lineWidth: 0 });
  if (text.includes('{{')) throw new Error('expected an object without template delimiters, got {{');
  const result = text
    .replace(BLOCK, unwrapBlock)
    .replace(ITEMS, unwrapItems)
    .replace(INLINE, (_, code) => `{{ ${decode(code)} }}`);
  if (result.includes('helm.block.')) throw new Error('a block must be the whole value of a key');
  if (result.includes('helm.items.')) throw new Error('items must be the whole item of a list');
  return result;
}

function unwrapBlock(_: string, indent: string, key: string, code: string): string {
  const [expression, format] = decode(code).split('\n');
  const content = `{{- ${format} | nindent ${indent.length + 2} }}`;
  return [`{{- with ${expression} }}`, `${key}:`, `  ${content}`, '{{- end }}']
    .map((line) => indent + line)
    .join('\n');
}

function unwrapItems(_: string, indent: string, code: string): string {
  const content = `{{- toYaml . | nindent ${indent.length} }}`;
  return [`{{- with ${decode(code)} }}`, content, '{{- end }}'].map((line) => indent + line).join('\n');
}

function wrap(form: 'inline' | 'block' | 'items', expression: string): string {
  return `helm.${form}.${Buffer.from(expression).toString('base64url')}.end`;
}

function decode(code: string): string {
  return Buffer.from(code, 'base64url').toString();
}
