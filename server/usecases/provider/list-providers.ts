// Providers, newest first, a page at a time.
import { isId, type ProviderId } from "../../../domain/ids.ts";
import type { ProviderStatus } from "../../../domain/provider/state.ts";
import type { ProviderView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";
import { openCursor, sealCursor } from "../../repos/cursor.ts";
import { listProviderRows } from "../../repos/providers.ts";
import { toProviderView } from "./provider-view.ts";

const DEFAULT_LIMIT = 20;

/** Without a status: those that were admitted. */
export async function listProviders(
  { db }: Pick<Deps, "db">,
  query: { status?: ProviderStatus | undefined; limit?: number | undefined; cursor?: string | undefined },
): Promise<{ providers: ProviderView[]; count: number; next_cursor: string | null }> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const beforeId = openCursor(query.cursor, (text): text is ProviderId => isId("prov", text));
  const rows = await listProviderRows(db, { status: query.status ?? null, beforeId, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    providers: shown.map(toProviderView),
    count: shown.length,
    next_cursor: rows.length > limit && last ? sealCursor(last.provider.id) : null,
  };
}
