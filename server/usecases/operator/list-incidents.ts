// What went wrong with providers, newest first.
import { type Principal, requireOperator } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { INCIDENT_CODES } from "../../../domain/provider/incidents.ts";
import type { ProviderEventView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { eventsByCode, eventsOfSubject } from "../../repos/operator.ts";
import { DEFAULT_EVENTS, toEventPage } from "./told.ts";

const cursors = numberCursors("incidents");

/** @throws AppError `forbidden`, `missing-scope`, `bad-request` */
export async function listIncidents(
  { db, settings }: Pick<Deps, "db" | "settings">,
  operator: Principal,
  query: {
    readonly limit?: number | undefined;
    readonly cursor?: string | undefined;
    readonly provider_id?: ProviderId | undefined;
  },
): Promise<{ events: ProviderEventView[]; count: number; next_cursor: string | null }> {
  requireOperator(operator, settings.operators);
  const limit = query.limit ?? DEFAULT_EVENTS;
  const page = { beforeId: cursors.open(query.cursor), limit: limit + 1 };
  const { provider_id: one } = query;
  const rows = one ? eventsOfSubject(db, one, INCIDENT_CODES, page) : eventsByCode(db, INCIDENT_CODES, page);
  return toEventPage(cursors, await rows, limit);
}
