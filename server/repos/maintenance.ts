// Announced maintenance windows.
import { and, asc, eq, gt, isNull, sql } from "drizzle-orm";
import type { MaintenanceId, ProviderId } from "../../domain/ids.ts";
import { effective, type Window } from "../../domain/provider/maintenance.ts";
import { maintenanceWindows } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export type MaintenanceRow = typeof maintenanceWindows.$inferSelect;

/** Windows of a provider that end after a moment, as far as they count, in order. */
export async function windowsEndingAfter(db: Db | Tx, providerId: ProviderId, after: Date): Promise<Window[]> {
  const rows = await db
    .select()
    .from(maintenanceWindows)
    .where(and(eq(maintenanceWindows.providerId, providerId), gt(maintenanceWindows.endsAt, after)))
    .orderBy(asc(maintenanceWindows.startsAt));
  return rows.map(effective).filter(({ startsAt, endsAt }) => startsAt < endsAt && endsAt > after);
}

/** Windows that are neither over and swept nor cancelled, in order. */
export function standingWindows(db: Db | Tx, providerId: ProviderId): Promise<MaintenanceRow[]> {
  return db
    .select()
    .from(maintenanceWindows)
    .where(and(eq(maintenanceWindows.providerId, providerId), isNull(maintenanceWindows.closedAt)))
    .orderBy(asc(maintenanceWindows.startsAt));
}

export async function insertWindow(tx: Tx, window: typeof maintenanceWindows.$inferInsert): Promise<void> {
  await tx.insert(maintenanceWindows).values(window);
}

export async function findWindow(tx: Tx, providerId: ProviderId, id: MaintenanceId): Promise<MaintenanceRow | null> {
  const [row] = await tx
    .select()
    .from(maintenanceWindows)
    .where(and(eq(maintenanceWindows.id, id), eq(maintenanceWindows.providerId, providerId)));
  return row ?? null;
}

export async function closeWindow(tx: Tx, id: MaintenanceId, at: Date, cancelled: boolean): Promise<void> {
  await tx.update(maintenanceWindows).set({ closedAt: at, cancelled }).where(eq(maintenanceWindows.id, id));
}

/** Providers with a window to close, one to enter, or one they are no longer in. */
export async function dueForMaintenance(db: Db, now: Date): Promise<ProviderId[]> {
  const at = sql`${now.toISOString()}::timestamptz`;
  const rows = await db.execute<{ id: ProviderId }>(sql`
    select w.provider_id as id from maintenance_windows w join providers p on p.id = w.provider_id
    where w.closed_at is null and w.starts_at <= ${at} and (w.ends_at <= ${at} or p.drain = 'none')
    union
    select p.id from providers p where p.drain = 'maintenance' and not exists (
      select 1 from maintenance_windows w
      where w.provider_id = p.id and w.closed_at is null and w.starts_at <= ${at} and w.ends_at > ${at})
    order by id`);
  return rows.map(({ id }) => id);
}
