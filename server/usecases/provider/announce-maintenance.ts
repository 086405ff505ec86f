// Maintenance is announced ahead: no new work reaches into it, and silence inside it costs nothing.
import type { Principal } from "../../../domain/account/principal.ts";
import type { MaintenanceId, ProviderId } from "../../../domain/ids.ts";
import type { MaintenanceView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

type MaintenanceDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings">;

/** @throws AppError `not-found`, `conflict`, `bad-request` naming the field */
export async function announceMaintenance(
  _deps: MaintenanceDeps,
  _principal: Principal,
  _id: ProviderId,
  _wish: { readonly starts_at: string; readonly ends_at: string; readonly reason: string },
  _idempotencyKey: string | null,
): Promise<MaintenanceView> {
  throw new Error("UNBUILT");
}

/** @throws AppError `not-found`, `conflict` */
export async function cancelMaintenance(
  _deps: MaintenanceDeps,
  _principal: Principal,
  _id: ProviderId,
  _window: MaintenanceId,
): Promise<void> {
  throw new Error("UNBUILT");
}
