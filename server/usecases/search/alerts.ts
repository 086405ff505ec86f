// Alerts as the console shows them.
import type { Principal } from "../../../domain/account/principal.ts";
import type { AlertView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";
import { openNumberCursor, sealCursor } from "../../repos/cursor.ts";
import { type AlertRow, alertsOf, countUnread, markRead } from "../../repos/saved-searches.ts";

const DEFAULT_LIMIT = 20;

/** @throws AppError `bad-request` for a cursor of another list */
export async function listAlerts(
  { db }: Pick<Deps, "db">,
  owner: Principal,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ alerts: AlertView[]; unread: number; count: number; next_cursor: string | null }> {
  const limit = page.limit ?? DEFAULT_LIMIT;
  const before = openNumberCursor(page.cursor);
  const [rows, unread] = await Promise.all([
    alertsOf(db, owner.account, { before, limit: limit + 1 }),
    countUnread(db, owner.account),
  ]);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    alerts: shown.map(toAlertView),
    unread,
    count: shown.length,
    next_cursor: rows.length > limit && last ? sealCursor(String(last.id)) : null,
  };
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
