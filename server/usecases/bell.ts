// A wake that is not missed: it is heard even where it came before anybody waited for it.
import type { Wakes } from "../deps.ts";

export interface Bell {
  /** Waits for a wake since the last time it was heard. @returns false where `ms` passed, or the signal fired, without one */
  heard(ms: number, signal?: AbortSignal): Promise<boolean>;
  stop(): void;
}

/** Hang it up before reading what a wake would tell of; whatever changes since then rings it. */
export function hangBell(wakes: Wakes, ...topics: readonly string[]): Bell {
  let rung = false;
  let wakeUp = () => {};
  const ring = () => {
    rung = true;
    wakeUp();
  };
  const stops = topics.map((topic) => wakes.subscribe(topic, ring));
  return {
    stop() {
      for (const stop of stops) stop();
    },
    async heard(ms, signal) {
      if (!rung && ms > 0 && !signal?.aborted)
        await new Promise<void>((resolve) => {
          const done = () => {
            clearTimeout(timer);
            signal?.removeEventListener("abort", done);
            wakeUp = () => {};
            resolve();
          };
          const timer = setTimeout(done, ms);
          signal?.addEventListener("abort", done, { once: true });
          wakeUp = done;
        });
      const was = rung;
      rung = false;
      return was;
    },
  };
}
