// An owner's machines, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { OwnProviderView } from "../../../protocol/provider-views.ts";
import { idCursors } from "../../repos/cursor.ts";
import { ownProviderRows } from "../../repos/own-providers.ts";
import { type OwnViewDeps, toOwnProviderViews } from "./own-provider-view.ts";

const DEFAULT_LIMIT = 20;
const cursors = idCursors("own-providers", "prov");

export async function listOwnProviders(
  deps: OwnViewDeps,
  owner: Principal,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ providers: OwnProviderView[]; count: number; next_cursor: string | null }> {
  const limit = page.limit ?? DEFAULT_LIMIT;
  const beforeId = cursors.open(page.cursor);
  const rows = await ownProviderRows(deps.db, owner.account, { beforeId, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, ({ provider }) => provider.id);
  return { providers: await toOwnProviderViews(deps, shown, owner), ...rest };
}
