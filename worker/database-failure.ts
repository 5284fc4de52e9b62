/** How the database fails, by what happens next. No text holds a secret, and none quotes a row. Pure. */

/** The database cannot say what the row is, whatever the cause: the worker pauses. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/** The database does not take this row: a constraint, a type, a trigger. The event's own fault, not an outage. */
export class RowRefused extends Error {
  override readonly name = 'RowRefused';
  /** SQLSTATE. The server's own text may quote the row. */
  constructor(code: string) {
    super(`the database does not take the row: ${code}`);
  }
}

/** Another transaction keeps a row locked for longer than we wait: the others are written without it. */
export class RowsLocked extends Error {}

/** Data exceptions, integrity constraints, a trigger's RAISE, and the check option of a view. */
const REFUSALS = /^(22...|23...|P0001|44000)$/;

/** A row was locked by somebody for longer than we wait, or each side waited for the other. */
const LOCKED = new Set(['55P03', '40P01']);

export function readFailure(error: unknown): DatabaseUnavailable {
  return new DatabaseUnavailable(reasonOf(error));
}

export function writeFailure(error: unknown): DatabaseUnavailable | RowRefused | RowsLocked {
  const code = codeOf(error);
  if (LOCKED.has(code)) return new RowsLocked(code);
  return REFUSALS.test(code) ? new RowRefused(code) : readFailure(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** PostgreSQL's messages name hosts, users and tables, and no password. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error instanceof DatabaseUnavailable) return error.message;
  const code = codeOf(error);
  const text = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : error.message;
  return `${code && `${code}: `}${text.slice(0, 300)}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
