// A web says that it listens; silence counts only while somebody did.
import { LISTENING_GAP_MS } from "../../../domain/provider/state.ts";
import type { Deps } from "../../deps.ts";
import { stamp } from "../../repos/listening.ts";

/** Call it every `LISTENING_STAMP_EVERY_MS`. Any number of webs may. */
export async function stampListening({ db, clock }: Pick<Deps, "db" | "clock">): Promise<void> {
  await stamp(db, clock.now(), LISTENING_GAP_MS);
}
