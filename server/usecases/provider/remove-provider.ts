// A machine leaves for good; its history stays.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { admissionAfter } from "../../../domain/provider/admission.ts";
import type { Deps, Tx } from "../../deps.ts";
import { batchLiveOn } from "../../repos/batch-live.ts";
import { closeDowntime } from "../../repos/downtimes.ts";
import { recordEvent } from "../../repos/events.ts";
import { liveOn } from "../../repos/executions.ts";
import { lockGpus, markGpusAbsent } from "../../repos/gpus.ts";
import { closeWindow, standingWindows } from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type ProviderRow, updateProvider } from "../../repos/providers.ts";
import { lockOwned, nodeRing } from "./owned.ts";

/** Of the owner or an operator. @throws AppError `not-found`, `conflict` while anything lives on it */
export async function removeProvider(
  deps: Pick<Deps, "db" | "clock" | "queue" | "settings">,
  principal: Principal,
  id: ProviderId,
): Promise<void> {
  const now = deps.clock.now();
  const ringNode = await deps.db.transaction(async (tx) => {
    const provider = await lockOwned(tx, principal, deps.settings.operators, id);
    const admission = admissionAfter(provider.admission, "remove");
    const live = [
      ...(await liveOn(tx, id)).map(({ expiresAt }) => expiresAt),
      ...(await batchLiveOn(tx, id)).map(({ deadlineAt }) => deadlineAt),
    ];
    if (live.length > 0) throw new AppError("conflict", stillLive(provider, live));
    await updateProvider(tx, id, { admission });
    await takeAway(tx, id, now);
    await recordEvent(tx, {
      subject: id,
      code: "provider-removed",
      message: `${provider.name} left. Its key enrols nothing any more; its history stays.`,
      data: { from: provider.admission },
      actor: principal.account,
      at: now,
    });
    await recomputeOffers(tx, id);
    return nodeRing(deps, tx, id, now);
  });
  await ringNode();
}

async function takeAway(tx: Tx, id: ProviderId, now: Date): Promise<void> {
  const gpus = await lockGpus(tx, id);
  await markGpusAbsent(
    tx,
    gpus.map((gpu) => gpu.id),
  );
  await closeDowntime(tx, id, now);
  for (const window of await standingWindows(tx, id)) await closeWindow(tx, window.id, now, true);
}

/** @param live when each of what lives is paid until, or given up; null: not known yet */
function stillLive({ drain }: ProviderRow, live: readonly (Date | null)[]): string {
  const ends = live.map((at) => at?.getTime() ?? null);
  const last = ends.reduce<number | null>(
    (max, end) => (end !== null && (max === null || end > max) ? end : max),
    null,
  );
  const unknown = ends.includes(null) ? ", some of which have not begun to run yet" : "";
  const until = last === null ? "" : ` The last one that runs ends by ${new Date(last).toISOString()}.`;
  const what = live.length === 1 ? "1 execution lives" : `${live.length} executions live`;
  const remedy =
    drain === "draining"
      ? "It drains: remove it when they have ended."
      : "Drain it first, and remove it when they have ended.";
  return `${what} on this machine${unknown}.${until} ${remedy}`;
}
