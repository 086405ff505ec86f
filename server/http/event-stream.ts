// Server-sent events: what every stream of ours does, whatever it tells of. It says at once how soon to come back, lets
// proxies see that it lives, and ends when the login does.
import type { Deps } from "../deps.ts";
import { authenticate } from "../usecases/account/authenticate.ts";

/** A comment this often keeps proxies from closing the stream, and is when a revoked login ends it. */
const KEEP_ALIVE_MS = 15_000;
const RETRY_MS = 2_000;

export interface Listener {
  readonly deps: Pick<Deps, "db" | "clock">;
  /** null for the anonymous account, whose login never ends */
  readonly token: string | null;
  readonly signal: AbortSignal;
}

/**
 * @param open what it tells, as whole messages, until its signal fires; what it throws refuses the stream before anything is sent
 */
export async function eventStream(
  listener: Listener,
  open: (signal: AbortSignal) => Promise<AsyncIterable<string>>,
): Promise<AsyncIterable<string>> {
  const over = new AbortController();
  const messages = await open(AbortSignal.any([listener.signal, over.signal]));
  return pump(listener, messages[Symbol.asyncIterator](), over);
}

const SILENCE = Symbol("silence");

async function* pump(
  { deps, token, signal }: Listener,
  messages: AsyncIterator<string>,
  over: AbortController,
): AsyncGenerator<string> {
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let coming = messages.next();
    let checkedMs = performance.now();
    while (!signal.aborted) {
      const said = await soon(coming, checkedMs + KEEP_ALIVE_MS - performance.now());
      if (said !== SILENCE) {
        if (said.done) return;
        yield said.value;
        coming = messages.next();
      }
      if (performance.now() - checkedMs < KEEP_ALIVE_MS) continue;
      if (token !== null && !(await authenticate(deps, token))) return; // also where it is never silent
      checkedMs = performance.now();
      yield ": still here\n\n";
    }
  } finally {
    over.abort();
    // Not waited for: whatever still hangs in there must not hold the connection.
    void messages.return?.().catch(() => {});
  }
}

/** What comes within a time; what comes later stays to be had. */
async function soon<T>(coming: Promise<T>, ms: number): Promise<T | typeof SILENCE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<typeof SILENCE>((resolve) => {
    timer = setTimeout(() => resolve(SILENCE), Math.max(0, ms));
  });
  try {
    return await Promise.race([coming, silence]);
  } finally {
    clearTimeout(timer);
  }
}
