/** Classes of SQLSTATE by which a working database refuses one statement: its values, its names or its syntax. */
const REFUSED_STATEMENT = /^(0A|21|22|23|26|42|44)[0-9A-Z]{3}$/;

/** Whether an error of a database client means that the database is away or overloaded. Pure. */
export function isDatabaseOutage(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code !== 'string' || !REFUSED_STATEMENT.test(code);
}
