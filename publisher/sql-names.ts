/** Names and texts of the outbox in SQL, quoted so that nothing in them is read as SQL. */

export interface TableName {
  readonly schema: string | undefined;
  readonly table: string;
}

/** PostgreSQL's limit, in bytes; what is longer it would silently cut off. */
const LONGEST_NAME = 63;

/** `table` or `schema.table`. @throws TypeError that names the option */
export function tableName(option: string, text: unknown): TableName {
  const parts = typeof text === 'string' ? text.split('.') : [];
  const [last, schema, ...more] = parts.toReversed();
  if (last === undefined || more.length > 0 || !parts.every(isName))
    throw new TypeError(`${option}: expected a table or schema.table, each of 1 to ${LONGEST_NAME} bytes`);
  return { schema, table: last };
}

/** @throws TypeError that names the option */
export function columnName(option: string, text: unknown): string {
  if (typeof text === 'string' && isName(text)) return quotedName(text);
  throw new TypeError(`${option}: expected a column name of 1 to ${LONGEST_NAME} bytes`);
}

function isName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= LONGEST_NAME && !text.includes('\0');
}

export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotedTable({ schema, table }: TableName): string {
  return schema === undefined ? quotedName(table) : `${quotedName(schema)}.${quotedName(table)}`;
}

/** A constant, whatever `standard_conforming_strings` says. */
export function quotedText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** The body of a function, readable. */
export function dollarQuoted(body: string): string {
  let tag = '$body$';
  for (let n = 1; body.includes(tag); n += 1) tag = `$body${n}$`;
  return `${tag}${body}${tag}`;
}
