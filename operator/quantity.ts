const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Are two Kubernetes quantities the same amount? The API server rewrites them: `0.5` to `500m`, `1024Mi` to `1Gi`. */
export function sameQuantity(one: unknown, other: unknown): boolean {
  const [a, b] = [amount(one), amount(other)];
  return a !== undefined && b !== undefined && Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

/** Undefined when it is not a quantity. */
export function amount(quantity: unknown): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+))?([a-zA-Z]*)$/.exec(`${quantity}`);
  if (!match) return undefined;
  const [, digits, exponent, suffix] = match;
  const factor = SUFFIXES[suffix ?? ''];
  return factor === undefined ? undefined : Number(digits) * 10 ** Number(exponent ?? 0) * factor;
}
