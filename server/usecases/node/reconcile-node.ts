// The node side of a provider: what the cluster should hold for it meets what it holds. Safe to run twice.
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

export async function reconcileNode(_deps: Deps, _id: ProviderId): Promise<void> {
  throw new Error("UNBUILT");
}
