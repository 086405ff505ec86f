// Whether somebody else answers: asked once in a while, however often one wants to know.
import { setTimeout as delay } from "node:timers/promises";

const FRESH_MS = 5_000;
/** Readiness probes wait for this; they give up after three seconds. */
const PATIENCE_MS = 1_000;

/**
 * @param ask rejects where there is no answer
 * @returns what was heard last; it asks again after `freshMs`, and takes no answer within `patienceMs` for none
 */
export function answering(
  ask: () => Promise<unknown>,
  { freshMs = FRESH_MS, patienceMs = PATIENCE_MS } = {},
): () => Promise<boolean> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let heard = Promise.resolve(false);
  return () => {
    if (performance.now() - askedAt < freshMs) return heard;
    askedAt = performance.now();
    const late = new AbortController();
    const answer = ask().then(
      () => true,
      () => false,
    );
    heard = Promise.race([answer, delay(patienceMs, false, { signal: late.signal })]).finally(() => late.abort());
    return heard;
  };
}
