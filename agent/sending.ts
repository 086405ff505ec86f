// The life of a sender: round after round until stopped, slower while the broker is away, and at the stop what is left.
import { retryDelayMs } from "./broker-client.ts";
import type { Log } from "./log.ts";
import { type Backoff, rest } from "./pace.ts";

/** For what is left when the agent stops. */
const FAREWELL_MS = 2000;

export interface Sending {
  /** Sends what there is, then waits until it is worth while to look again. */
  readonly round: (signal: AbortSignal) => Promise<void>;
  /** Sends what is left, until the signal ends it. */
  readonly farewell: (signal: AbortSignal) => Promise<void>;
  readonly trouble: Backoff;
  readonly retry: { readonly leastMs: number; readonly mostMs: number };
  /** told once, when sending stops to work */
  readonly away: string;
  readonly log: Log;
}

export function startSending({ round, farewell, trouble, retry, away, log }: Sending): { stop(): Promise<void> } {
  const stopping = new AbortController();

  async function loop(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        await round(stopping.signal);
        failures = 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const delayMs = retryDelayMs(error, trouble, failures, retry);
        if (failures === 0) log.warn({ err: error }, away);
        failures += 1;
        await rest(delayMs, stopping.signal);
      }
    }
  }

  const done = loop();
  return {
    async stop() {
      stopping.abort();
      await done;
      // The broker may be away: what was not sent is here at the next start.
      await farewell(AbortSignal.timeout(FAREWELL_MS)).catch(() => {});
    },
  };
}
