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

/**
 * Classes of SQLSTATE that are about the row: data exceptions, integrity constraints, the check option of a view, and
 * what goes wrong in a trigger, its RAISE included.
 */
const REFUSALS = new Set(['09', '20', '22', '23', '27', '2F', '44', 'P0']);

/** PostgreSQL's other classes. A code of no class of PostgreSQL's is one that a trigger has given itself. */
const OTHERS = new Set(
  '00 01 02 03 08 0A 0B 0F 0L 0P 0Z 10 21 24 25 26 28 2B 2D 34 38 39 3B 3D 3F 40 42 53 54 55 57 58 72 F0 HV XX'.split(
    ' ',
  ),
);

/** A row was locked by somebody for longer than we wait, or each side waited for the other. */
const LOCKED = new Set(['55P03', '40P01']);

export function readFailure(error: unknown): DatabaseUnavailable {
  return new DatabaseUnavailable(reasonOf(error));
}

export function writeFailure(error: unknown): DatabaseUnavailable | RowRefused | RowsLocked {
  const code = codeOf(error);
  if (LOCKED.has(code)) return new RowsLocked(code);
  return isRefusal(error, code) ? new RowRefused(code) : readFailure(error);
}

/** Errors of sockets have codes of five letters, too (EPIPE); the server's alone have a severity. */
function isRefusal(error: unknown, code: string): boolean {
  const isServers = error instanceof Error && 'severity' in error && /^[0-9A-Z]{5}$/.test(code);
  return isServers && (REFUSALS.has(code.slice(0, 2)) || !OTHERS.has(code.slice(0, 2)));
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
