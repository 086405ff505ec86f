// An owner's machines, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import { isId, type ProviderId } from "../../../domain/ids.ts";
import type { OwnProviderView } from "../../../protocol/views.ts";
import { openCursor, sealCursor } from "../../repos/cursor.ts";
import { ownProviderRows } from "../../repos/own-providers.ts";
import { type OwnViewDeps, toOwnProviderViews } from "./own-provider-view.ts";

const DEFAULT_LIMIT = 20;

export async function listOwnProviders(
  deps: OwnViewDeps,
  owner: Principal,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ providers: OwnProviderView[]; count: number; next_cursor: string | null }> {
  const limit = page.limit ?? DEFAULT_LIMIT;
  const beforeId = openCursor(page.cursor, (text): text is ProviderId => isId("prov", text));
  const rows = await ownProviderRows(deps.db, owner.account, { beforeId, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    providers: await toOwnProviderViews(deps, shown, owner),
    count: shown.length,
    next_cursor: rows.length > limit && last ? sealCursor(last.provider.id) : null,
  };
}
