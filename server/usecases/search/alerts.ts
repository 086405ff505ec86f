// Alerts as the console shows them.
import type { Principal } from "../../../domain/account/principal.ts";
import type { AlertView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

export async function listAlerts(
  _deps: Pick<Deps, "db">,
  _owner: Principal,
  _page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ alerts: AlertView[]; unread: number; count: number; next_cursor: string | null }> {
  throw new Error("UNBUILT");
}

export async function readAlerts(_deps: Pick<Deps, "db" | "clock">, _owner: Principal): Promise<void> {
  throw new Error("UNBUILT");
}
