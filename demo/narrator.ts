/** What the demo says on the terminal, with the time since its start. */
const start = Date.now();

/** Opens an act of the demo. */
export function act(number: number, title: string): void {
  console.log(`\n${bold(`${number}. ${title}`)}`);
}

export function say(text: string): void {
  const elapsed = Math.round((Date.now() - start) / 1000);
  const clock = `${Math.floor(elapsed / 60)}:${String(elapsed % 60).padStart(2, '0')}`;
  for (const line of text.split('\n')) console.log(`  ${clock.padStart(5)}  ${line}`);
}

/** Says what is being done, a dot every few seconds, and how long it took. */
export async function during<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  say(`${what} ...`);
  const timer = setInterval(() => say(`... ${what}, ${Math.round((Date.now() - began) / 1000)} s`), 10_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    const took = (Date.now() - began) / 1000;
    if (took > 3) say(`${what}: done in ${took.toFixed(1)} s`);
  }
}

export function bold(text: string): string {
  return process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text;
}
