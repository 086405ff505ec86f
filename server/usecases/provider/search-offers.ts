// The market's search: a page of offers, and counts that say what the filters leave and take.
import type { MarketFilters } from "../../../domain/placement/facets.ts";
import type { SearchQuery } from "../../../protocol/operations/provider.ts";
import type { SearchView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";
import { openCursor, sealCursor } from "../../repos/cursor.ts";
import { type MarketPlace, marketPage } from "../../repos/market.ts";
import { marketSnapshot } from "./market-snapshot.ts";
import { toOfferView } from "./provider-view.ts";

const DEFAULT_LIMIT = 20;
const DEFAULT_SORT = "price";

/** @throws AppError `bad-request` for a cursor of another list or another sort */
export async function searchOffers(deps: Pick<Deps, "db" | "clock">, query: SearchQuery): Promise<SearchView> {
  const { sort = DEFAULT_SORT, limit = DEFAULT_LIMIT, cursor, ...asked } = query;
  const after = readPlace(cursor, sort);
  const [page, snapshot] = await Promise.all([
    marketPage(deps.db, asked, { sort, after, limit: limit + 1 }),
    marketSnapshot(deps),
  ]);
  const shown = page.slice(0, limit);
  const last = shown.at(-1);
  const { gpu, region, total, removed } = snapshot.facets(asked satisfies MarketFilters);
  return {
    offers: shown.map(({ row }) => toOfferView(row)),
    count: shown.length,
    next_cursor:
      page.length > limit && last
        ? sealCursor(writePlace(sort, { ...last.row, coresOnly: last.row.gpuModel === "", key: last.key }))
        : null,
    facets: {
      gpu: { ...gpu },
      region: { ...region },
      status: {},
      runtime: {},
      vram_mb: {},
      total,
      removed: { ...removed },
    },
  };
}

const PLACE = /^(price|-price|reputation|gpus|vram) ([01]) (-?\d{1,18}) (prov_[0-9a-z]{26}) (.{0,80})$/su;

function writePlace(sort: string, { coresOnly, key, providerId, gpuModel }: MarketPlace): string {
  return `${sort} ${coresOnly ? 1 : 0} ${key} ${providerId} ${gpuModel}`;
}

function readPlace(cursor: string | undefined, sort: string): MarketPlace | null {
  const isOurs = (text: string): text is string => PLACE.exec(text)?.[1] === sort && !text.includes("\0");
  const [, , coresOnly, key = "", providerId = "", gpuModel = ""] = PLACE.exec(openCursor(cursor, isOurs) ?? "") ?? [];
  return key ? { coresOnly: coresOnly === "1", key, providerId, gpuModel } : null;
}
