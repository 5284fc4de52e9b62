/**
 * `make recording`: runs the demo, keeps what it prints in docs/images/demo.txt, and draws docs/images/demo.svg of it.
 *
 *   node demo/recording.ts [draw]
 *
 * With `draw` the picture is made of the text that is there.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { drawing } from './drawing.ts';

const IMAGES = join(import.meta.dirname, '../docs/images');
const TEXT = join(IMAGES, 'demo.txt');
const PICTURE = join(IMAGES, 'demo.svg');

/** Each line with the seconds since the demo's start. Paths in the home directory begin with ~. */
async function record(): Promise<string> {
  const began = performance.now();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    lines.push(`${seconds.padStart(6)} ${line}`.trimEnd().replaceAll(homedir(), '~'));
  }
  const code = await ended;
  if (code !== 0) throw new Error(`the demo ended with ${code}: nothing is recorded`);
  return `${lines.join('\n')}\n`;
}

if (process.argv[2] !== 'draw') writeFileSync(TEXT, await record());
writeFileSync(PICTURE, drawing(readFileSync(TEXT, 'utf8')));
console.log(`wrote ${PICTURE}`);
