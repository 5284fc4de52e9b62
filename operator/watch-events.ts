import type { KubernetesObject } from './kubernetes-objects.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubernetesObject }
  /** The server ends the watch, mostly with 410: the resourceVersion is too old. */
  | { readonly type: 'ERROR' };

/** The events of a watch's body: one JSON object a line. A line that cannot be read counts as ERROR. */
export async function* watchEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<WatchEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield eventOf(line);
  }
}

const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'] as const;

function eventOf(line: string): WatchEvent {
  try {
    const { type, object } = JSON.parse(line) as { type?: string; object?: KubernetesObject };
    const known = TYPES.find((name) => name === type);
    return known && object?.metadata ? { type: known, object } : { type: 'ERROR' };
  } catch {
    return { type: 'ERROR' };
  }
}
