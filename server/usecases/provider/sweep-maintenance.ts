// Opens and closes announced windows on time. It compares states, not steps: any number of workers may.
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import { drainByWindows } from "../../../domain/provider/drain.ts";
import { insideOne } from "../../../domain/provider/maintenance.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { closeWindow, dueForMaintenance, standingWindows } from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { wakeLiveOn } from "../../repos/presence.ts";
import { lockProviderRow, updateProvider } from "../../repos/providers.ts";
import { ringAll } from "./decide-admission.ts";
import { nodeRing } from "./owned.ts";

type SweepDeps = Pick<Deps, "db" | "clock" | "queue" | "log">;

/** @returns how many providers changed */
export async function sweepMaintenance(deps: SweepDeps): Promise<number> {
  const now = deps.clock.now();
  let changed = 0;
  for (const id of await dueForMaintenance(deps.db, now)) {
    try {
      const turned = await deps.db.transaction((tx) => turn(deps, tx, id, now));
      if (!turned) continue;
      changed++;
      await ringAll(deps, turned.woken);
      await turned.ringNode();
    } catch (error) {
      deps.log.error(
        { err: error, provider: id },
        "maintenance could not be opened or closed; the next sweep tries again",
      );
    }
  }
  return changed;
}

interface Turned {
  readonly woken: readonly ExecutionId[];
  readonly ringNode: () => Promise<void>;
}

/** Looks again under the lock. @returns null where somebody was faster */
async function turn(deps: SweepDeps, tx: Tx, id: ProviderId, now: Date): Promise<Turned | null> {
  const provider = await lockProviderRow(tx, id);
  if (!provider) return null;
  const windows = await standingWindows(tx, id);
  const over = windows.filter(({ endsAt }) => endsAt <= now);
  const drain = drainByWindows(provider.drain, insideOne(windows, now));
  if (over.length === 0 && drain === provider.drain) return null;
  const tell = (code: string, message: string, data = {}) =>
    recordEvent(tx, { subject: id, code, message, data, at: now });
  for (const window of over) {
    await closeWindow(tx, window.id, now, false);
    await tell("maintenance-ended", `The announced maintenance of ${provider.name} is over.`, {
      maintenance_id: window.id,
    });
  }
  if (drain !== provider.drain) await updateProvider(tx, id, { drain });
  if (drain === "maintenance" && provider.drain !== drain)
    await tell("maintenance-started", `${provider.name} is in announced maintenance and takes no new work.`);
  await recomputeOffers(tx, id);
  return { woken: await wakeLiveOn(tx, id, now), ringNode: await nodeRing(deps, tx, id, now) };
}
