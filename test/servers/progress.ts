/** Says on stderr what begins, that it goes on (every 10 s) and, when the returned function is called, how long it took. */
export function progress(what: string): () => void {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  process.stderr.write(`servers: ${what} ...\n`);
  const ticking = setInterval(() => process.stderr.write(`servers: ${what} ... ${seconds()}\n`), 10_000);
  return () => {
    clearInterval(ticking);
    process.stderr.write(`servers: ${what}: done in ${seconds()}\n`);
  };
}
