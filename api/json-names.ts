/** Names that no object of a text may hold twice. */
export interface GuardedNames {
  readonly set: ReadonlySet<string>;
  /** As JSON literals. */
  readonly quoted: readonly string[];
}

export function guardedNames(names: Iterable<string>): GuardedNames {
  const set = new Set(names);
  return { set, quoted: [...set].map((name) => JSON.stringify(name)) };
}

/**
 * Whether one of the names stands twice in one object of the text, which must be valid JSON. JSON.parse silently
 * takes the last one, another consumer perhaps the first: two systems would see two different orders.
 */
export function repeatsName(text: string, names: GuardedNames): boolean {
  return mayRepeatName(text, names.quoted) && findsRepeated(text, names.set);
}

/** Quick and never wrong with `false`: the text cannot repeat a name. */
function mayRepeatName(text: string, quotedNames: readonly string[]): boolean {
  if (text.includes('\\')) return true;
  return quotedNames.some((name) => text.indexOf(name, text.indexOf(name) + name.length) !== -1);
}

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/g;

function findsRepeated(text: string, names: ReadonlySet<string>): boolean {
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon !== undefined && repeated(token.slice(0, -colon.length), names, open.at(-1))) return true;
  }
  return false;
}

function repeated(literal: string, names: ReadonlySet<string>, seen: Set<string> | undefined): boolean {
  const name: string = JSON.parse(literal);
  if (!names.has(name)) return false;
  if (seen?.has(name)) return true;
  seen?.add(name);
  return false;
}
