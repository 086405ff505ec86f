// A draining machine takes no new work; what runs goes on to its end.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { drainAfter, drainByWindows } from "../../../domain/provider/drain.ts";
import { insideOne } from "../../../domain/provider/maintenance.ts";
import type { Deps, Tx } from "../../deps.ts";
import { batchLiveOn } from "../../repos/batch-live.ts";
import { recordEvent } from "../../repos/events.ts";
import { liveOn } from "../../repos/executions.ts";
import { standingWindows } from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { lockProviderRow, type ProviderRow, takeSequence, updateProvider } from "../../repos/providers.ts";
import { lockOwnedThere, nodeRing, noSuchProvider } from "./owned.ts";

type DrainDeps = Pick<Deps, "db" | "clock" | "queue" | "settings">;

/** Of the owner or an operator. Asking twice is asking once. @throws AppError `not-found`, `conflict` */
export async function drainProvider(
  deps: DrainDeps,
  principal: Principal,
  id: ProviderId,
  draining: boolean,
): Promise<void> {
  const now = deps.clock.now();
  const ringNode = await deps.db.transaction(async (tx) => {
    const provider = await lockOwnedThere(tx, principal, deps.settings.operators, id);
    if (!(await turn(tx, provider, draining, principal.account, now))) return null;
    return nodeRing(deps, tx, id, now);
  });
  await ringNode?.();
}

/**
 * The same from the machine itself, whose signature was checked.
 * @throws AppError `stale-sequence`, which changes nothing; `not-found`, `conflict`
 */
export async function drainFromAgent(
  deps: DrainDeps,
  id: ProviderId,
  { seq, draining }: { readonly seq: number; readonly draining: boolean },
): Promise<{ draining: boolean; live_executions: number }> {
  const now = deps.clock.now();
  const { ringNode, live } = await deps.db.transaction(async (tx) => {
    const provider = await lockProviderRow(tx, id);
    if (!provider || provider.admission === "removed") throw noSuchProvider();
    if (!(await takeSequence(tx, id, seq, now)))
      throw new AppError("stale-sequence", "a newer message of this provider was taken before");
    const turned = await turn(tx, provider, draining, null, now);
    return {
      ringNode: turned ? await nodeRing(deps, tx, id, now) : null,
      live: (await liveOn(tx, id)).length + (await batchLiveOn(tx, id)).length,
    };
  });
  await ringNode?.();
  return { draining, live_executions: live };
}

/** @param actor null where the machine itself asked @returns false where it was so already */
async function turn(
  tx: Tx,
  provider: ProviderRow,
  draining: boolean,
  actor: string | null,
  now: Date,
): Promise<boolean> {
  const wished = drainAfter(provider.drain, draining ? "drain" : "resume");
  if (wished === provider.drain) {
    if (draining || wished === "none") return false;
    throw new AppError("conflict", "This machine is inside announced maintenance. Cancel that to take work again.");
  }
  const windows = await standingWindows(tx, provider.id);
  const drain = drainByWindows(wished, insideOne(windows, now));
  await updateProvider(tx, provider.id, { drain });
  await recomputeOffers(tx, provider.id);
  const by = actor === null ? " Its owner asked at the machine." : "";
  await recordEvent(tx, {
    subject: provider.id,
    code: draining ? "drain-started" : "drain-ended",
    message: `${provider.name} ${draining ? "takes no new work; what runs goes on to its end." : "takes work again."}${by}`,
    data: { from: provider.drain, to: drain },
    ...(actor === null ? {} : { actor }),
    at: now,
  });
  return true;
}
