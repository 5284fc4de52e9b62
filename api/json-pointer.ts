/** RFC 6901 pointers, taken apart once and followed many times. */

export type PointerTokens = readonly string[];

/** The names along a pointer: `/data/a~1b` is ['data', 'a/b']. */
export function pointerTokens(pointer: string): PointerTokens {
  if (!pointer.startsWith('/'))
    throw new TypeError(`expected a JSON pointer that starts with /, got ${JSON.stringify(pointer)}`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What the pointer names, undefined if there is no such thing. Inherited properties are not there. */
export function follow(document: unknown, tokens: PointerTokens): unknown {
  let value = document;
  for (const token of tokens) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value) && !/^(0|[1-9][0-9]*)$/.test(token)) return undefined;
    if (!Object.hasOwn(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}

/** Objects without a prototype, so that `__proto__` is a name like any other. */
export type Tree = { [name: string]: unknown };

export function emptyTree(): Tree {
  return Object.create(null);
}

/** Puts a value where the pointer says, with the objects on the way. False when something else is in the way. */
export function place(tree: Tree, tokens: PointerTokens, value: unknown): boolean {
  let parent = tree;
  for (const [index, token] of tokens.entries()) {
    if (index === tokens.length - 1) {
      if (token in parent) return false;
      parent[token] = value;
      return true;
    }
    parent[token] ??= emptyTree();
    const next = parent[token];
    if (typeof next !== 'object' || next === null) return false;
    parent = next as Tree;
  }
  return false;
}
