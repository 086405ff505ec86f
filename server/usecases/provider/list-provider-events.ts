// What happened to a machine, newest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { ProviderEventView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { providerEvents, providerHead } from "../../repos/own-providers.ts";
import { requireReadable } from "./readable.ts";

const DEFAULT_LIMIT = 20;
const cursors = numberCursors("provider-events");

/** @throws AppError `not-found` for a stranger */
export async function listProviderEvents(
  { db, settings }: Pick<Deps, "db" | "settings">,
  principal: Principal,
  id: ProviderId,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ events: ProviderEventView[]; count: number; next_cursor: string | null }> {
  const limit = page.limit ?? DEFAULT_LIMIT;
  const beforeId = cursors.open(page.cursor);
  const provider = requireReadable(await providerHead(db, id), principal, settings.operators);
  const rows = await providerEvents(db, id, { beforeId, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, (event) => event.id);
  return {
    events: shown.map((event) => ({
      id: event.id,
      provider_id: id,
      provider_name: provider.name,
      code: event.code,
      message: event.message,
      data: { ...event.data },
      actor: event.actor,
      at: event.at.toISOString(),
    })),
    ...rest,
  };
}
