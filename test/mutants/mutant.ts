/** An exact piece of a source file, and what stands there instead. The piece occurs exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The tests that must go red: a file, and a regular expression for the names of its tests. */
export interface Killer {
  readonly file: string;
  readonly names?: string;
}

/** The program without one of its fences. */
export interface Mutant {
  readonly fence: string;
  /** What the program does without it. */
  readonly without: string;
  readonly patches: readonly [Patch, ...Patch[]];
  /** Each of them must find it out by itself. */
  readonly killers: readonly [Killer, ...Killer[]];
}

/** @throws Error when the text to be replaced is not there, or more than once */
export function patched(text: string, { file, find, replace }: Patch): string {
  const parts = text.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`${file}: expected exactly once, found ${parts.length - 1} times: ${find}`);
}
