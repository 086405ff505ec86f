// The market's search: a page of offers, and counts that say what the filters leave and take.
import type { MarketSort } from "../../../domain/placement/facets.ts";
import type { MarketPlace } from "../../../domain/search/order.ts";
import type { SearchView } from "../../../protocol/market-views.ts";
import type { SearchQuery } from "../../../protocol/operations/provider.ts";
import type { Deps } from "../../deps.ts";
import { cursorsOf } from "../../repos/cursor.ts";
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
  const cursors = cursorsBy(sort);
  const after = readPlace(cursors.open(cursor));
  const now = deps.clock.now();
  const live = liveMarket(deps);
  const market = await live.now();
  const rows = market.page(asked, now.getTime(), { sort, after, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, (row) => writePlace(market.placeOf(sort, row)));
  const facets = live.facets(asked, now);
  return {
    offers: shown.map((row) => toOfferView(market.at(row))),
    ...rest,
    facets: { ...facets, removed: { ...facets.removed } },
  };
}

const PLACE = /^([01]) (-?\d{1,16}) (prov_[0-9a-z]{26}) (.{0,80})$/su;

/** Every order is a list of its own. */
function cursorsBy(sort: MarketSort) {
  return cursorsOf(`offers-${sort}`, (text): text is string => PLACE.test(text));
}

function writePlace({ coresOnly, key, providerId, gpuModel }: MarketPlace): string {
  return `${coresOnly ? 1 : 0} ${key} ${providerId} ${gpuModel}`;
}

function readPlace(text: string | null): MarketPlace | null {
  const [, coresOnly, key = "", providerId = "", gpuModel = ""] = PLACE.exec(text ?? "") ?? [];
  return key ? { coresOnly: coresOnly === "1", key: Number(key), providerId, gpuModel } : null;
}
