/** Milliseconds since 1970, finer than Date.now(). */
export const now = (): number => performance.timeOrigin + performance.now();
