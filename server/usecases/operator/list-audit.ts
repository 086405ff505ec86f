// Who decided what, newest first: every event that carries the account that took the decision.
import { type Principal, requireOperator } from "../../../domain/account/principal.ts";
import type { ProviderEventView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { decidedEvents } from "../../repos/operator.ts";
import { DEFAULT_EVENTS, toEventPage } from "./told.ts";

const cursors = numberCursors("audit");

/** @throws AppError `forbidden`, `missing-scope`, `bad-request` */
export async function listAudit(
  { db, settings }: Pick<Deps, "db" | "settings">,
  operator: Principal,
  query: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ events: ProviderEventView[]; count: number; next_cursor: string | null }> {
  requireOperator(operator, settings.operators);
  const limit = query.limit ?? DEFAULT_EVENTS;
  const page = { beforeId: cursors.open(query.cursor), limit: limit + 1 };
  return toEventPage(cursors, await decidedEvents(db, page), limit);
}
