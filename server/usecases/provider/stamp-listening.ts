// A web says that it listens; silence counts only while somebody did.
import { LISTENING_GAP_MS, LISTENING_STAMP_EVERY_MS } from "../../../domain/provider/state.ts";
import type { Deps } from "../../deps.ts";
import { stamp } from "../../repos/listening.ts";

/** Any number of webs may. */
export async function stampListening({ db, clock }: Pick<Deps, "db" | "clock">): Promise<void> {
  await stamp(db, clock.now(), LISTENING_GAP_MS);
}

/**
 * Stamps now and again until stopped, one after the other. A stamp that hangs is waited for: a database that stood still
 * took no beats either, and stamps that piled up would say that somebody listened all along.
 * @returns once the first stamp was tried
 */
export async function keepStamping(
  stamp: () => Promise<void>,
  failed: (error: unknown) => void,
  everyMs = LISTENING_STAMP_EVERY_MS,
): Promise<{ stop(): void }> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  async function again(): Promise<void> {
    await stamp().catch(failed);
    if (!stopped) timer = setTimeout(() => void again(), everyMs);
  }
  await again();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
