// How fast the agent may speak: a token bucket against spinning, and backoff with full jitter against a broker in trouble.
import { setTimeout as sleep } from "node:timers/promises";

/** Together under what a broker takes of one machine in a minute (server/http/limits.ts). */
const BURST = 10;
const PER_SECOND = 10;

/** At most 10 at once and 10 a second for ever. `take` resolves when the next one may go, or when aborted. */
export function createPace(nowMs: () => number = () => performance.now()): {
  take(signal: AbortSignal): Promise<void>;
} {
  let tokens = BURST;
  let at = nowMs();
  return {
    async take(signal) {
      const now = nowMs();
      tokens = Math.min(BURST, tokens + ((now - at) / 1000) * PER_SECOND);
      at = now;
      tokens -= 1;
      if (tokens < 0) await rest((-tokens / PER_SECOND) * 1000, signal);
    },
  };
}

export interface Backoff {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * Full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015): uniform in [0, min(cap, first · 2^attempt)].
 * @param attempt 0 for the first failure
 * @param random uniform in [0, 1)
 */
export function backoffMs({ firstMs, capMs }: Backoff, attempt: number, random: number): number {
  return random * Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30));
}

/** Sleeps, and wakes early when aborted. Never throws. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
