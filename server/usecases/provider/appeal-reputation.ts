// A loss of reputation can be appealed once, within a week; an operator decides.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { ReputationEventView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

type AppealDeps = Pick<Deps, "db" | "clock" | "settings">;

/** @throws AppError `not-found`, `conflict` */
export async function appealReputation(
  _deps: AppealDeps,
  _owner: Principal,
  _id: ProviderId,
  _appeal: { readonly reputation_event_id: number; readonly text: string },
): Promise<ReputationEventView> {
  throw new Error("UNBUILT");
}

/** @throws AppError `forbidden`, `not-found`, `conflict` */
export async function decideAppeal(
  _deps: AppealDeps,
  _operator: Principal,
  _appealId: number,
  _decision: { readonly granted: boolean; readonly reply: string },
): Promise<void> {
  throw new Error("UNBUILT");
}
