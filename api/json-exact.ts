/** A number as the text spelled it, where a double would have lost digits. */
export class ExactNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

/** JSON.parse, or its slower sibling that keeps every digit. Both throw. */
export type ParseJson = (text: string) => unknown;

/** Every number that is not a safe integer becomes an ExactNumber. Throws RangeError if nested too deeply. */
export const parseExactly: ParseJson = (text) =>
  JSON.parse(text, (_name: string, value: unknown, context?: { source?: string }) =>
    isInexact(value) && context?.source !== undefined ? new ExactNumber(context.source) : value,
  );

/** Above 2^53 a number would silently be another order or version, and a fraction another instant. */
export function isInexact(value: unknown): boolean {
  return typeof value === 'number' && !Number.isSafeInteger(value);
}
