import type { Call, Reply, Session } from '../../operator/kubernetes-session.ts';

/** What becomes of one call to the API server. */
export type Fault =
  /** The server answers so and does nothing. */
  | { readonly kind: 'Answer'; readonly status: number }
  /** The server carries it out and the answer is lost. */
  | { readonly kind: 'LoseAnswer' }
  | { readonly kind: 'Reset' };

export interface FaultySession extends Session {
  /** Asked for each call in turn; undefined lets it pass. */
  faultOf: (call: Call) => Fault | undefined;
  /** While set, watches die silently: those that are open and those that are opened. */
  silent: boolean;
  readonly calls: Call[];
  readonly faults: number;
}

/** A session on the real API server whose calls go wrong where the test wants it. */
export function faultySession(session: Session): FaultySession {
  let faults = 0;
  const faulty: FaultySession = {
    faultOf: () => undefined,
    silent: false,
    calls: [],
    get faults() {
      return faults;
    },
    async send(call) {
      faulty.calls.push(call);
      const fault = faulty.faultOf(call);
      if (fault === undefined) return session.send(call);
      faults += 1;
      return suffer(session, call, fault);
    },
    async stream(path, signal) {
      const stream = await session.stream(path, signal);
      return { status: stream.status, body: muted(stream.body, faulty, signal) };
    },
    close: () => session.close(),
  };
  return faulty;
}

async function suffer(session: Session, call: Call, fault: Fault): Promise<Reply> {
  if (fault.kind === 'Answer') {
    const body = { kind: 'Status', code: fault.status, message: 'made by the test' };
    return { status: fault.status, body, retryAfterSeconds: undefined };
  }
  if (fault.kind === 'LoseAnswer') await session.send(call);
  throw new Error('socket hang up');
}

/** Once silent, a connection stays so: no byte and no end, until the other side gives it up. */
async function* muted(
  body: AsyncIterable<Uint8Array>,
  faulty: FaultySession,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let dead = faulty.silent;
  for await (const chunk of body) {
    dead ||= faulty.silent;
    if (!dead) yield chunk;
  }
  if (!dead) return;
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw signal.reason;
}
