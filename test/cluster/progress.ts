const started = performance.now();

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** One line on stderr with the time since this process began; stdout stays free for results. */
export function say(text: string): void {
  process.stderr.write(`[cluster ${seconds(started).padStart(7)}] ${text}\n`);
}

/** Announces work that takes longer than a moment, and says every 15 s that it is still going on, and how far it is. */
export async function step<T>(text: string, work: () => Promise<T>, howFar?: () => string): Promise<T> {
  const begun = performance.now();
  say(`${text} ...`);
  const remind = () => say(`${text} ... ${howFar?.() ?? 'still busy'} after ${seconds(begun)}`);
  const reminder = setInterval(remind, 15_000);
  try {
    const result = await work();
    if (performance.now() - begun > 2_000) say(`${text}: done in ${seconds(begun)}`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}
