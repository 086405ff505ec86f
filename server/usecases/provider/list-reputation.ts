// The reputation ledger of one provider, open to everybody.
import type { ProviderId } from "../../../domain/ids.ts";
import type { ReputationEventView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found` */
export async function listReputation(
  _deps: Pick<Deps, "db" | "clock">,
  _id: ProviderId,
  _page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ reputation: number; events: ReputationEventView[]; count: number; next_cursor: string | null }> {
  throw new Error("UNBUILT");
}
