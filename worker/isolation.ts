import { Abandoned } from './outages.ts';

export type Isolated<T, R> =
  | { readonly kind: 'Done'; readonly item: T; readonly value: R }
  | { readonly kind: 'Failed'; readonly item: T; readonly error: unknown };

/**
 * Works on all items together. If that fails, on each half by itself, and so on: what fails in the end is the one
 * item at fault, and its neighbours are not affected. `work` gives one value per item, and may be repeated.
 *
 * @throws Abandoned
 */
export async function isolatingFailures<T, R>(
  items: readonly T[],
  work: (items: readonly T[]) => Promise<readonly R[]>,
): Promise<Isolated<T, R>[]> {
  try {
    return pair(items, await work(items));
  } catch (error) {
    if (error instanceof Abandoned) throw error;
    const [only] = items;
    if (only !== undefined && items.length === 1) return [{ kind: 'Failed', item: only, error }];
    const half = Math.ceil(items.length / 2);
    const first = await isolatingFailures(items.slice(0, half), work);
    return first.concat(await isolatingFailures(items.slice(half), work));
  }
}

function pair<T, R>(items: readonly T[], values: readonly R[]): Isolated<T, R>[] {
  if (items.length !== values.length)
    throw new TypeError(`${items.length} items gave ${values.length} values`);
  return values.map((value, index) => ({ kind: 'Done', item: items[index] as T, value }));
}
