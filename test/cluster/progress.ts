const started = performance.now();

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** One line on stderr with the time since this process began; stdout stays free for results. */
export function say(text: string): void {
  process.stderr.write(`[cluster ${seconds(started).padStart(7)}] ${text}\n`);
}

/** Announces work that takes longer than a moment, and repeats every 15 s that it is still going on. */
export async function step<T>(text: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  say(`${text} ...`);
  const reminder = setInterval(() => say(`${text} ... still busy after ${seconds(begun)}`), 15_000);
  try {
    const result = await work();
    if (performance.now() - begun > 2_000) say(`${text}: done in ${seconds(begun)}`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}
