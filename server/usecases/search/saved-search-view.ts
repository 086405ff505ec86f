// A saved search as its owner sees it.
import { formatMicros } from "../../../domain/money/micros.ts";
import type { SavedSearchView } from "../../../protocol/market-views.ts";
import type { SavedSearchRow } from "../../repos/saved-searches.ts";

export function toSavedSearchView(row: SavedSearchRow): SavedSearchView {
  return {
    id: row.id,
    name: row.name,
    query: row.query,
    alert_at_or_below: row.alertAtOrBelow === null ? null : formatMicros(row.alertAtOrBelow),
    alerting: row.alerting,
    matches: row.matches,
    lowest_price: row.lowestPrice === null ? null : formatMicros(row.lowestPrice),
    checked_at: row.checkedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  };
}
