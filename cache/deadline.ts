import { RedisUnavailable } from './failure.ts';

/** Fails with RedisUnavailable after `milliseconds`. What the promise becomes later is of no interest. */
export async function bounded<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeout(milliseconds)), milliseconds);
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

function timeout(milliseconds: number): RedisUnavailable {
  return new RedisUnavailable('Timeout', `Redis is unavailable: no answer within ${milliseconds} ms`);
}
