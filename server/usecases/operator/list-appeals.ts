// Appeals: those without an answer first, oldest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { AppealView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

type AppealDeps = Pick<Deps, "db" | "settings">;

/** @throws AppError `forbidden` */
export async function listAppeals(
  _deps: AppealDeps,
  _operator: Principal,
  _query: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ appeals: AppealView[]; count: number; next_cursor: string | null }> {
  throw new Error("UNBUILT");
}

/** @throws AppError `forbidden`, `not-found` */
export async function getAppeal(_deps: AppealDeps, _operator: Principal, _appealId: number): Promise<AppealView> {
  throw new Error("UNBUILT");
}
