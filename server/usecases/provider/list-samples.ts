// Usage once a minute, for those who may see it.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { SampleView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found` for a stranger */
export async function listSamples(
  _deps: Pick<Deps, "db" | "clock" | "settings">,
  _principal: Principal,
  _id: ProviderId,
  _query: { readonly minutes?: number | undefined },
): Promise<{ samples: SampleView[]; count: number; next_cursor: null }> {
  throw new Error("UNBUILT");
}
