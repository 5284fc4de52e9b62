import type { Violation } from './explore.ts';
import { initialState } from './invariants.ts';
import type { Scenario } from './scenario.ts';
import { ABSENT_WORD, type Entry, NO_TOKEN, NONE, type Row, type State } from './state.ts';

/** A trace as a table: one line per step, with what the cache, the database and the queue hold after it. */
export function traceText(scenario: Scenario, { what, steps }: Violation): string {
  const first = ['', 'at first', ...columns(initialState(scenario))];
  const lines = steps.map(({ who, what, result, next }, index) => [
    `${index + 1}`,
    `${who}: ${what}${result === '' ? '' : ` -> ${result}`}`,
    ...columns(next),
  ]);
  const table = [['', 'step', 'cache', 'row', 'queue'], first, ...lines];
  return `${scenario.name}\n${aligned(table)}\n    => ${what}`;
}

function columns({ entry, row, queue }: State): string[] {
  const messages = queue.flatMap((copies, tx) => Array.from({ length: copies }, () => `event ${tx + 1}`));
  return [entryText(entry), rowText(row), messages.join(', ')];
}

function entryText(entry: Entry | null): string {
  if (entry === null) return 'absent';
  if (entry.kind === 'placeholder') {
    return entry.lease === ABSENT_WORD ? 'known to be absent' : `lease ${entry.lease}`;
  }
  const version = entry.version === NONE ? '' : ` ${entry.version}`;
  return `${entry.status}${version}${entry.ticket === NO_TOKEN ? '' : `, ticket ${entry.ticket}`}`;
}

function rowText(row: Row | null): string {
  if (row === null) return 'none';
  return row.version === NONE ? row.status : `${row.status} ${row.version}`;
}

function aligned(table: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const cell = (text: string, column: number) => text.padEnd(widths[column] ?? 0);
  return table.map((line) => `  ${line.map(cell).join('  ').trimEnd()}`).join('\n');
}
