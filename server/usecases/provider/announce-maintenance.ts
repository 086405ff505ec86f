// Maintenance is announced ahead: no new work reaches into it, and silence inside it costs nothing.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { MaintenanceId, ProviderId } from "../../../domain/ids.ts";
import { drainByWindows } from "../../../domain/provider/drain.ts";
import {
  announcementProblem,
  insideOne,
  MAINTENANCE_SPAN_MS,
  type Window,
} from "../../../domain/provider/maintenance.ts";
import type { MaintenanceView } from "../../../protocol/provider-views.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { liveOn } from "../../repos/executions.ts";
import { once } from "../../repos/idempotency.ts";
import {
  closeWindow,
  findWindow,
  insertWindow,
  type MaintenanceRow,
  standingWindows,
  windowsEndingAfter,
} from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { wakeLiveOn } from "../../repos/presence.ts";
import { updateProvider } from "../../repos/providers.ts";
import { ringAll } from "./decide-admission.ts";
import { lockOwnedThere, nodeRing } from "./owned.ts";

type MaintenanceDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings">;

export function toMaintenanceView(
  { id, startsAt, endsAt, reason, announcedAt, closedAt }: Omit<MaintenanceRow, "providerId" | "cancelled">,
  now: Date,
): MaintenanceView {
  return {
    id,
    starts_at: startsAt.toISOString(),
    ends_at: endsAt.toISOString(),
    reason,
    announced_at: announcedAt.toISOString(),
    open: closedAt === null && startsAt <= now && now < endsAt,
  };
}

/** @throws AppError `not-found`, `conflict`, `bad-request` naming the field */
export async function announceMaintenance(
  { db, clock, ids, settings }: MaintenanceDeps,
  principal: Principal,
  id: ProviderId,
  wish: { readonly starts_at: string; readonly ends_at: string; readonly reason: string },
  idempotencyKey: string | null,
): Promise<MaintenanceView> {
  const now = clock.now();
  const { account } = principal;
  const request = { id, ...wish };
  const attempt = { account, operation: "announce-maintenance", key: idempotencyKey, request };
  const announced = await once(db, attempt, now, async (tx): Promise<MaintenanceView> => {
    const provider = await lockOwnedThere(tx, principal, settings.operators, id);
    const window = { startsAt: new Date(wish.starts_at), endsAt: new Date(wish.ends_at) };
    const monthAgo = new Date(now.getTime() - MAINTENANCE_SPAN_MS);
    const problem = announcementProblem(window, await windowsEndingAfter(tx, id, monthAgo), now);
    if (problem) throw new AppError("bad-request", `${problem.field}: ${problem.message}`, { fields: [problem] });
    const row = { id: ids.next("mnt"), ...window, reason: wish.reason, announcedAt: now };
    await insertWindow(tx, { ...row, providerId: id });
    await recomputeOffers(tx, id);
    await recordEvent(tx, {
      subject: id,
      code: "maintenance-announced",
      message: `${provider.name} will be in maintenance ${spanOf(window)}: ${wish.reason}`,
      data: { maintenance_id: row.id, ...inData(window) },
      actor: account,
      at: now,
    });
    const told = `The provider announced maintenance ${spanOf(window)}. While it is out of reach then, nothing is charged.`;
    await tellRenters(tx, id, window, { code: "maintenance-announced", message: told }, now);
    return toMaintenanceView({ ...row, closedAt: null }, now);
  });
  if (!announced) throw new Error("an announcement is made or refused");
  return announced;
}

/** One that has begun ends here, and excuses nothing from here on. @throws AppError `not-found`, `conflict` */
export async function cancelMaintenance(
  deps: MaintenanceDeps,
  principal: Principal,
  id: ProviderId,
  windowId: MaintenanceId,
): Promise<void> {
  const now = deps.clock.now();
  const { woken, ringNode } = await deps.db.transaction(async (tx) => {
    const provider = await lockOwnedThere(tx, principal, deps.settings.operators, id);
    const window = await findWindow(tx, id, windowId);
    if (!window) throw new AppError("not-found", "This machine announced no such maintenance.");
    if (window.cancelled) throw new AppError("conflict", "This maintenance was cancelled already.");
    if (window.closedAt || window.endsAt <= now) throw new AppError("conflict", "This maintenance is over.");
    await closeWindow(tx, windowId, now, true);
    const drain = drainByWindows(provider.drain, insideOne(await standingWindows(tx, id), now));
    if (drain !== provider.drain) await updateProvider(tx, id, { drain });
    await recomputeOffers(tx, id);
    await recordEvent(tx, {
      subject: id,
      code: "maintenance-cancelled",
      message: `The maintenance of ${provider.name} ${spanOf(window)} was cancelled.`,
      data: { maintenance_id: windowId, ...inData(window) },
      actor: principal.account,
      at: now,
    });
    const told = `The provider cancelled its maintenance ${spanOf(window)}.`;
    await tellRenters(tx, id, window, { code: "maintenance-cancelled", message: told }, now);
    return { woken: await wakeLiveOn(tx, id, now), ringNode: await nodeRing(deps, tx, id, now) };
  });
  await ringAll(deps, woken);
  await ringNode();
}

/** Those whose paid time reaches into the window read of it on their own timeline. */
async function tellRenters(
  tx: Tx,
  id: ProviderId,
  window: Window,
  { code, message }: { readonly code: string; readonly message: string },
  at: Date,
): Promise<void> {
  for (const { jobId, expiresAt } of await liveOn(tx, id))
    if (!expiresAt || expiresAt > window.startsAt)
      await recordEvent(tx, { subject: jobId, code, message, data: { provider_id: id, ...inData(window) }, at });
}

function spanOf({ startsAt, endsAt }: Window): string {
  return `from ${startsAt.toISOString()} to ${endsAt.toISOString()}`;
}

function inData({ startsAt, endsAt }: Window) {
  return { starts_at: startsAt.toISOString(), ends_at: endsAt.toISOString() };
}
