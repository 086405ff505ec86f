// The offers of approved providers: all of them, and those of providers that changed since a point that the database named.
import { and, eq, lt, ne, sql } from "drizzle-orm";
import type { MarketOffer } from "../../domain/placement/facets.ts";
import { providerStatus } from "../../domain/provider/state.ts";
import { offers } from "../../drizzle/schema/provider.ts";
import { offerChanges } from "../../drizzle/schema/search.ts";
import type { Db } from "../deps.ts";

export type OfferRow = typeof offers.$inferSelect;

/** What the market shows: third-party workers are not for rent. */
const APPROVED = and(eq(offers.admission, "approved"), ne(offers.runtime, "external"));

export function toMarketOffer(row: OfferRow): MarketOffer {
  const { admission, presence, drain, gpuModel, available, ...same } = row;
  // Only a quarantine keeps a machine away that is admitted, heard and not drained.
  const status = providerStatus(admission, presence, drain, !available && drain === "none");
  return { ...same, gpuModel: gpuModel || null, status };
}

/** A point in the order of commits: what was visible then, as PostgreSQL writes it. */
export async function marketMoment(db: Db): Promise<string> {
  const [row] = await db.execute<{ moment: string }>(sql`select pg_current_snapshot()::text as moment`);
  return row?.moment ?? "";
}

/** Offers in the order of their key, beginning after one of them. */
export async function offersAfter(
  db: Db,
  after: Pick<OfferRow, "providerId" | "gpuModel"> | null,
  limit: number,
): Promise<OfferRow[]> {
  const beyond = after
    ? sql`(${offers.providerId}, ${offers.gpuModel}) > (${after.providerId}, ${after.gpuModel})`
    : undefined;
  return db.select().from(offers).where(and(APPROVED, beyond)).orderBy(offers.providerId, offers.gpuModel).limit(limit);
}

export interface MarketChanges {
  /** the point up to which these are all changes */
  readonly moment: string;
  /** providers whose offers changed, with all that they offer now; those without any are gone */
  readonly changed: ReadonlyMap<string, readonly OfferRow[]>;
  /** the table was emptied: nothing that was known counts */
  readonly emptied: boolean;
}

/**
 * What was committed after a point, in one statement and so of one moment. The database remembers changes for
 * KEPT_CHANGES_MS; a point that is older has no answer here.
 */
export async function marketChanges(db: Db, since: string): Promise<MarketChanges> {
  const changes = db.$with("changes").as(
    db
      .selectDistinct({ providerId: offerChanges.providerId })
      .from(offerChanges)
      .where(
        sql`${offerChanges.xid} >= pg_snapshot_xmin(${since}::pg_snapshot)
          and not pg_visible_in_snapshot(${offerChanges.xid}, ${since}::pg_snapshot)`,
      ),
  );
  const rows = await db
    .with(changes)
    .select({
      moment: sql<string>`pg_current_snapshot()::text`,
      providerId: sql<string | null>`${changes.providerId}`,
      row: offers,
    })
    .from(sql`(select 1) as always`)
    .leftJoin(changes, sql`true`)
    .leftJoin(offers, and(eq(sql`${offers.providerId}`, changes.providerId), APPROVED));
  const changed = new Map<string, OfferRow[]>();
  for (const { providerId, row } of rows) {
    if (providerId === null) continue;
    const own = changed.get(providerId) ?? [];
    if (row) own.push(row);
    changed.set(providerId, own);
  }
  return { moment: rows[0]?.moment ?? since, changed, emptied: rows.some(({ providerId }) => providerId === "*") };
}

/** How long a change is remembered, at least. */
export const KEPT_CHANGES_MS = 600_000;

/** By the database's own clock, which wrote them. @returns how many were forgotten */
export async function forgetOldChanges(db: Db): Promise<number> {
  const before = sql`now() - make_interval(secs => ${KEPT_CHANGES_MS / 1000})`;
  const gone = await db.delete(offerChanges).where(lt(offerChanges.at, before));
  return gone.count;
}

/** Offers with GPUs, of one model or of all. */
export function gpuOffers(db: Db, gpuModel: string | null): Promise<OfferRow[]> {
  return db
    .select()
    .from(offers)
    .where(and(APPROVED, ne(offers.gpuModel, ""), gpuModel === null ? undefined : eq(offers.gpuModel, gpuModel)))
    .orderBy(sql`${offers.providerId} collate "C"`, sql`${offers.gpuModel} collate "C"`);
}
