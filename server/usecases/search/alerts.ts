// Alerts as the console shows them.
import type { Principal } from "../../../domain/account/principal.ts";
import type { AlertView } from "../../../protocol/market-views.ts";
import type { Deps } from "../../deps.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { type AlertRow, alertsOf, countUnread, markRead } from "../../repos/saved-searches.ts";

const DEFAULT_LIMIT = 20;
const cursors = numberCursors("alerts");

/** @throws AppError `bad-request` for a cursor of another list */
export async function listAlerts(
  { db }: Pick<Deps, "db">,
  owner: Principal,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ alerts: AlertView[]; unread: number; count: number; next_cursor: string | null }> {
  const limit = page.limit ?? DEFAULT_LIMIT;
  const before = cursors.open(page.cursor);
  const [rows, unread] = await Promise.all([
    alertsOf(db, owner.account, { before, limit: limit + 1 }),
    countUnread(db, owner.account),
  ]);
  const { shown, ...rest } = cursors.page(rows, limit, ({ id }) => id);
  return { alerts: shown.map(toAlertView), unread, ...rest };
}

export async function readAlerts({ db, clock }: Pick<Deps, "db" | "clock">, owner: Principal): Promise<void> {
  await markRead(db, owner.account, clock.now());
}

export function unreadAlerts({ db }: Pick<Deps, "db">, owner: Principal): Promise<number> {
  return countUnread(db, owner.account);
}

function toAlertView(row: AlertRow): AlertView {
  return {
    id: row.id,
    saved_search_id: row.savedSearchId,
    message: row.message,
    data: { ...row.data },
    at: row.at.toISOString(),
    read: row.readAt !== null,
  };
}
