// The market's search: a page of offers, and counts that say what the filters leave and take.
import type { MarketSort } from "../../../domain/placement/facets.ts";
import type { MarketPlace } from "../../../domain/search/market.ts";
import type { SearchQuery } from "../../../protocol/operations/provider.ts";
import type { SearchView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";
import { openCursor, sealCursor } from "../../repos/cursor.ts";
import { liveMarket } from "./live-market.ts";
import { toOfferView } from "./offer-view.ts";

const DEFAULT_LIMIT = 20;
const DEFAULT_SORT = "price";

/**
 * The page is as new as the call; counts are at most two seconds old.
 * @throws AppError `bad-request` for a cursor of another list or another sort
 */
export async function searchOffers(deps: Pick<Deps, "db" | "clock">, query: SearchQuery): Promise<SearchView> {
  const { sort = DEFAULT_SORT, limit = DEFAULT_LIMIT, cursor, ...asked } = query;
  const after = readPlace(cursor, sort);
  const now = deps.clock.now();
  const live = liveMarket(deps);
  const market = await live.now();
  const rows = market.page(asked, now.getTime(), { sort, after, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const facets = live.facets(asked, now);
  return {
    offers: shown.map((row) => toOfferView(market.at(row))),
    count: shown.length,
    next_cursor:
      rows.length > limit && last !== undefined ? sealCursor(writePlace(sort, market.placeOf(sort, last))) : null,
    facets: { ...facets, removed: { ...facets.removed } },
  };
}

const PLACE = /^(\S{1,20}) ([01]) (-?\d{1,16}) (prov_[0-9a-z]{26}) (.{0,80})$/su;

function writePlace(sort: MarketSort, { coresOnly, key, providerId, gpuModel }: MarketPlace): string {
  return `${sort} ${coresOnly ? 1 : 0} ${key} ${providerId} ${gpuModel}`;
}

function readPlace(cursor: string | undefined, sort: MarketSort): MarketPlace | null {
  const isOurs = (text: string): text is string => PLACE.exec(text)?.[1] === sort;
  const [, , coresOnly, key = "", providerId = "", gpuModel = ""] = PLACE.exec(openCursor(cursor, isOurs) ?? "") ?? [];
  return key ? { coresOnly: coresOnly === "1", key: Number(key), providerId, gpuModel } : null;
}
