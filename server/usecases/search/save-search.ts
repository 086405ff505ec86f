// A search that is kept, with a price alert where one is wanted.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { SavedSearchView } from "../../../protocol/market-views.ts";
import { readSearch, searchText } from "../../../protocol/search-text.ts";
import type { Deps } from "../../deps.ts";
import { lockAccount } from "../../repos/accounts.ts";
import { once } from "../../repos/idempotency.ts";
import { countSavedSearches, insertSavedSearch } from "../../repos/saved-searches.ts";
import { toSavedSearchView } from "./saved-search-view.ts";

const MOST_SAVED = 50;

/**
 * The next look, half a minute away at most, says what it finds, and raises the alert where something fits already.
 * @param wish `alert_at_or_below` in micro-USD
 * @throws AppError `bad-request` for a query the market does not understand, `conflict` for a taken name, `limit-reached`
 */
export async function saveSearch(
  { db, clock, ids }: Pick<Deps, "db" | "clock" | "ids">,
  owner: Principal,
  wish: { readonly name: string; readonly query: string; readonly alert_at_or_below?: bigint | undefined },
  idempotencyKey: string | null,
): Promise<SavedSearchView> {
  const now = clock.now();
  const { query, problems } = readSearch(wish.query);
  if (problems) {
    const fields = problems.map(({ field, message }) => ({ field: `query.${field}`, message }));
    const names = problems.map(({ field }) => field).join(", ");
    throw new AppError("bad-request", `The market does not understand this search: ${names}.`, { fields });
  }
  const attempt = { account: owner.account, operation: "save-search", key: idempotencyKey, request: wish };
  const saved = await once(db, attempt, now, async (tx) => {
    await lockAccount(tx, owner.account);
    if ((await countSavedSearches(tx, owner.account)) >= MOST_SAVED)
      throw new AppError("limit-reached", `An account keeps at most ${MOST_SAVED} searches: delete one first.`);
    const row = {
      ...{ id: ids.next("srch"), account: owner.account, name: wish.name, query: searchText(query) },
      ...{ alertAtOrBelow: wish.alert_at_or_below ?? null, alerting: false },
      ...{ matches: null, lowestPrice: null, checkedAt: null, createdAt: now },
    };
    return (await insertSavedSearch(tx, row)) ? toSavedSearchView(row) : null;
  });
  if (saved) return saved;
  throw new AppError("conflict", `You already saved a search called ${wish.name}: choose another name.`, {
    fields: [{ field: "name", message: "is taken by another of your searches" }],
  });
}
