import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The pages of the documentation, and what a test wants of one: sections, fences, tables, links, words in code. */

export const ROOT = join(import.meta.dirname, '../..');

/** Every page, by its path from the root. */
export const PAGES: readonly string[] = [
  '*.md',
  'docs/**/*.md',
  'charts/**/*.md',
  'test/cluster/*.md',
].flatMap((pattern) => globSync(pattern, { cwd: ROOT }).sort());

const FENCE = /^```(\w*)\n(.*?)^```$/gms;

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The text below a heading, of any level, up to the next one of its level or above. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.replace(/^#+ /, '') === heading && line.startsWith('#'));
  const level = /^#+/.exec(lines[from] ?? '')?.[0].length;
  if (level === undefined) throw new Error(`no heading ${heading}`);
  const length = lines.slice(from + 1).findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return lines.slice(from + 1, length < 0 ? undefined : from + 1 + length).join('\n');
}

export interface Fence {
  /** Empty where none is given. */
  readonly language: string;
  readonly content: string;
}

export function fences(text: string): Fence[] {
  return [...text.matchAll(FENCE)].map(([, language = '', content = '']) => ({ language, content }));
}

/** The only fence of a language. */
export function fence(text: string, language: string): string {
  const found = fences(text).filter((each) => each.language === language);
  const [only, ...others] = found;
  if (only === undefined || others.length > 0)
    throw new Error(`expected one fence "${language}", got ${found.length}`);
  return only.content;
}

export function withoutFences(text: string): string {
  return text.replace(FENCE, '');
}

/** The rows below the heads of all tables. */
export function rows(text: string): string[][] {
  const lines = withoutFences(text).split('\n');
  const isRow = (line: string | undefined) => line?.startsWith('| ') === true;
  return lines
    .filter((line, index) => isRow(line) && !lines[index + 1]?.startsWith('|--'))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}

/** What stands between backticks, outside of fences. */
export function words(text: string): string[] {
  return [...withoutFences(text).matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
}

/** The words of the cells of one column. */
export function column(text: string, index: number): string[] {
  return rows(text).flatMap((cells) => words(cells[index] ?? ''));
}

/** Where the links of a page lead, as they are written. */
export function links(text: string): string[] {
  const prose = withoutFences(text).replace(/`[^`\n]*`/g, 'code');
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
}

/** What a link may name after its #, as GitHub makes it. */
export function anchors(text: string): Set<string> {
  const headings = [...withoutFences(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
