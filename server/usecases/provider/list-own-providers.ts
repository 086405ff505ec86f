// An owner's machines, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { OwnProviderView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

export async function listOwnProviders(
  _deps: Pick<Deps, "db" | "clock" | "settings" | "secrets">,
  _owner: Principal,
  _page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ providers: OwnProviderView[]; count: number; next_cursor: string | null }> {
  throw new Error("UNBUILT");
}
