// The market: offers of approved providers, filtered and paged by the database just as domain/placement/facets does.
import { and, eq, gte, lte, ne, type SQL, sql } from "drizzle-orm";
import type { MarketFilterName, MarketFilters } from "../../domain/placement/facets.ts";
import type { ProviderStatus } from "../../domain/provider/state.ts";
import { offers } from "../../drizzle/schema/provider.ts";
import type { Db } from "../deps.ts";

export type OfferRow = typeof offers.$inferSelect;
export const MARKET_SORTS = ["price", "-price", "reputation", "gpus", "vram"] as const;
export type MarketSort = (typeof MARKET_SORTS)[number];

/** Where a page ended: the sort key as text, and what tells equal keys apart. */
export interface MarketPlace {
  readonly coresOnly: boolean;
  readonly key: string;
  readonly providerId: string;
  readonly gpuModel: string;
}

// In words, not as a parameter: only then is a partial index known to serve every plan.
const APPROVED = sql`${offers.admission} = 'approved'`;
const UNIT_PRICE = sql`(case when ${offers.gpuModel} = '' then ${offers.pricePerCpuHour} else ${offers.pricePerGpuHour} end)`;

/** Every sort as one number that grows along the list. */
const KEYS = {
  price: UNIT_PRICE,
  "-price": sql`(-${UNIT_PRICE})`,
  reputation: sql`(-${offers.reputation})::bigint`,
  gpus: sql`(-${offers.freeGpus})::bigint`,
  vram: sql`(-${offers.vramMb})::bigint`,
} as const satisfies Record<MarketSort, SQL>;

/** `providerStatus` of an approved provider as a condition. Others are not on the market. */
function statusIs(status: ProviderStatus): SQL {
  switch (status) {
    case "approved":
      return eq(offers.presence, "unseen");
    case "joined":
      return eq(offers.presence, "joined");
    case "available":
      return and(eq(offers.presence, "online"), eq(offers.drain, "none")) ?? sql`false`;
    case "draining":
      return and(eq(offers.presence, "online"), ne(offers.drain, "none")) ?? sql`false`;
    case "offline":
      return eq(offers.presence, "offline");
    default:
      return sql`false`;
  }
}

/** The rules of domain/placement/facets.ts as conditions; a test holds the two together. */
function conditions(asked: MarketFilters): Record<MarketFilterName, SQL | undefined> {
  return {
    gpu: asked.gpu === undefined ? undefined : and(eq(offers.gpuModel, asked.gpu), ne(offers.gpuModel, "")),
    min_vram_mb: asked.min_vram_mb === undefined ? undefined : gte(offers.vramMb, asked.min_vram_mb),
    min_gpus: asked.min_gpus === undefined ? undefined : gte(offers.freeGpus, asked.min_gpus),
    min_cpu: asked.min_cpu === undefined ? undefined : gte(offers.freeCpuCores, asked.min_cpu),
    min_ram: asked.min_ram === undefined ? undefined : gte(offers.freeMemoryGb, Math.ceil(asked.min_ram / 1024)),
    min_disk: asked.min_disk === undefined ? undefined : gte(offers.freeDiskGb, asked.min_disk),
    max_price: asked.max_price === undefined ? undefined : lte(UNIT_PRICE, sql`${asked.max_price.toString()}::bigint`),
    region: asked.region === undefined ? undefined : eq(offers.region, asked.region),
    min_reputation: asked.min_reputation === undefined ? undefined : gte(offers.reputation, asked.min_reputation),
    status: asked.status === undefined ? undefined : statusIs(asked.status),
  };
}

/** One page. Offers with GPUs come first, then the sort's key, then the provider and the model. */
export function marketPage(
  db: Db,
  asked: MarketFilters,
  page: { readonly sort: MarketSort; readonly after: MarketPlace | null; readonly limit: number },
): Promise<{ row: OfferRow; key: string }[]> {
  const { sort, after, limit } = page;
  const place = sql`(${offers.gpuModel} = ''), ${KEYS[sort]}, ${offers.providerId} collate "C", ${offers.gpuModel} collate "C"`;
  const beyond = after
    ? sql`(${place}) > (${after.coresOnly}::boolean, ${after.key}::bigint, ${after.providerId}::text, ${after.gpuModel}::text)`
    : undefined;
  return db
    .select({ row: offers, key: sql<string>`${KEYS[sort]}::text` })
    .from(offers)
    .where(and(APPROVED, ...Object.values(conditions(asked)), beyond))
    .orderBy(place)
    .limit(limit);
}

/** All offers on the market. */
export function wholeMarket(db: Db): Promise<OfferRow[]> {
  return db.select().from(offers).where(APPROVED);
}

/** Offers with GPUs, of one model or of all. */
export function gpuOffers(db: Db, gpuModel: string | null): Promise<OfferRow[]> {
  return db
    .select()
    .from(offers)
    .where(and(APPROVED, ne(offers.gpuModel, ""), gpuModel === null ? undefined : eq(offers.gpuModel, gpuModel)))
    .orderBy(sql`${offers.providerId} collate "C"`, sql`${offers.gpuModel} collate "C"`);
}
