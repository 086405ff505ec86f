// Providers, newest first, a page at a time.
import type { ProviderStatus } from "../../../domain/provider/state.ts";
import type { ProviderView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { idCursors } from "../../repos/cursor.ts";
import { listProviderRows } from "../../repos/providers.ts";
import { toProviderView } from "./provider-view.ts";

const DEFAULT_LIMIT = 20;
const cursors = idCursors("providers", "prov");

/** Without a status: those that were admitted. */
export async function listProviders(
  { db }: Pick<Deps, "db">,
  query: { status?: ProviderStatus | undefined; limit?: number | undefined; cursor?: string | undefined },
): Promise<{ providers: ProviderView[]; count: number; next_cursor: string | null }> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const beforeId = cursors.open(query.cursor);
  const rows = await listProviderRows(db, { status: query.status ?? null, beforeId, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, ({ provider }) => provider.id);
  return { providers: shown.map(toProviderView), ...rest };
}
