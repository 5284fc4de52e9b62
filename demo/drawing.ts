/**
 * The picture of a recording: a terminal in which the lines come by, and which stays on the last ones. One SVG without
 * scripts and fonts of its own. Where nothing moves (reduced motion, no CSS) it shows the last lines at once.
 */

const COLUMNS = 112;
const ROWS = 36;
const CELL = { width: 7.8, height: 17 };
const MARGIN = { side: 14, top: 36, bottom: 12 };
/** The whole run takes this long in the picture, in seconds. */
const PLAYED = 24;

const STYLE = {
  act: 'font-weight="bold" fill="#79c0ff"',
  failure: 'fill="#ff7b72"',
  plot: 'fill="#7ee787"',
  plain: 'fill="#c9d1d9"',
} as const;

interface Row {
  /** Seconds since the start of the run. */
  readonly at: number;
  readonly text: string;
  readonly style: keyof typeof STYLE;
}

/** Says only that something goes on. */
const REMINDER = / \d+:\d\d {2}\.\.\. /;

/** `recording`: on each line the seconds, a space, and what was printed. Reminders are left out. */
export function drawing(recording: string): string {
  const rows = recording
    .trimEnd()
    .split('\n')
    .filter((recorded) => !REMINDER.test(recorded))
    .flatMap(rowsOf);
  const width = Math.ceil(COLUMNS * CELL.width + 2 * MARGIN.side);
  const height = MARGIN.top + ROWS * CELL.height + MARGIN.bottom;
  const shift = Math.max(0, rows.length - ROWS) * CELL.height;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="What make demo prints">
<style>
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; white-space: pre; }
#lines { transform: translateY(${-shift}px); }
@media (prefers-reduced-motion: no-preference) {
#lines { animation: come ${PLAYED}s linear 1 both; }
@keyframes come {
${steps(rows).join('\n')}
}
}
</style>
<clipPath id="screen"><rect x="0" y="${MARGIN.top - 2}" width="${width}" height="${ROWS * CELL.height + 8}"/></clipPath>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="17" r="6" fill="#ff5f56"/><circle cx="40" cy="17" r="6" fill="#ffbd2e"/><circle cx="60" cy="17" r="6" fill="#27c93f"/>
<text x="${width / 2}" y="21" text-anchor="middle" fill="#8b949e">make demo</text>
<g clip-path="url(#screen)"><g id="lines">
${rows.map(line).join('\n')}
</g></g>
</svg>
`;
}

/** A line that is too long goes on below, further in. */
function rowsOf(recorded: string): Row[] {
  const [, seconds = '0', printed = ''] = /^\s*([\d.]+) ?(.*)$/.exec(recorded) ?? [];
  const style = styleOf(printed);
  const rows: Row[] = [];
  let rest = printed;
  do {
    const room = rest.length <= COLUMNS ? rest.length : wordEnd(rest);
    rows.push({ at: Number(seconds), text: rest.slice(0, room).trimEnd(), style });
    rest = rest.slice(room).trimStart();
    if (rest !== '') rest = ' '.repeat(11) + rest;
  } while (rest !== '');
  return rows;
}

function wordEnd(text: string): number {
  const space = text.lastIndexOf(' ', COLUMNS);
  return space > 40 ? space : COLUMNS;
}

function styleOf(printed: string): Row['style'] {
  if (/^(\d+\. |Report)/.test(printed)) return 'act';
  if (/^ +FAILED/.test(printed)) return 'failure';
  return /[┤┼╭╯]/.test(printed) ? 'plot' : 'plain';
}

/** One step for each row that comes: the picture shows the last ones up to it. */
function steps(rows: readonly Row[]): string[] {
  const end = rows.at(-1)?.at || 1;
  const shifts = new Map<string, number>([['0', ROWS]]);
  rows.forEach(({ at }, index) => {
    shifts.set(((100 * at) / end).toFixed(2), ROWS - index - 1);
  });
  return [...shifts].map(([percent, shown]) => {
    const y = Math.round(shown * CELL.height);
    return `${percent}% { transform: translateY(${y}px); animation-timing-function: step-end; }`;
  });
}

/** The cells have one width whatever the font of the reader is. */
function line({ text, style }: Row, index: number): string {
  const indent = text.length - text.trimStart().length;
  const shown = text.trimStart();
  if (shown === '') return '';
  const x = (MARGIN.side + indent * CELL.width).toFixed(1);
  const y = MARGIN.top + index * CELL.height + 12;
  const length = (shown.length * CELL.width).toFixed(1);
  return `<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs" ${STYLE[style]}>${escaped(shown)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
