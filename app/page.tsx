// The market: what can be rented now, live, without a login.
import Link from "next/link";
import { ActiveFilters } from "../components/market/active-filters.tsx";
import { MarketFilters } from "../components/market/filters.tsx";
import { MarketFacts, type MarketFigures } from "../components/market/market-facts.tsx";
import { Offers } from "../components/market/offers.tsx";
import {
  isMarketFilter,
  MARKET_PARTS,
  type MarketPart,
  type MarketQuery,
  marketHref,
  readMarketQuery,
  searchWords,
  wireQuery,
} from "../components/market/query.ts";
import { RemovedLine } from "../components/market/removed-line.tsx";
import { SaveSearch } from "../components/searches/save-search.tsx";
import { Page } from "../components/shell/page.tsx";
import { BerthLegend } from "../components/ui/berths.tsx";
import { LinkButton } from "../components/ui/button.tsx";
import { Empty } from "../components/ui/empty.tsx";
import { Live } from "../components/ui/live.tsx";
import { Pager } from "../components/ui/pager.tsx";
import { Moment } from "../components/ui/time.tsx";
import { SearchQuery } from "../protocol/operations/provider.ts";
import { readAs } from "../protocol/read.ts";
import { searchText } from "../protocol/search-text.ts";
import { marketFigures } from "../server/usecases/provider/market-figures.ts";
import { searchOffers } from "../server/usecases/provider/search-offers.ts";
import { deps, principal } from "./context.ts";
import { listAt } from "./list-at.ts";
import type { SearchParams } from "./search-params.ts";
import { saveSearchAction } from "./searches/actions.ts";

const EVERY_MS = 4000;
const PAGE = "25";

/** What the wire refuses is told and left out; the rest of the filters still counts. */
function parse(written: MarketQuery): { query: SearchQuery; refused: Record<string, string> } {
  const refused: Record<string, string> = {};
  const kept: Record<string, string | string[]> = { ...wireQuery(written), limit: PAGE };
  // Ends are held against each other only where each is right by itself, so that a second look may refuse more.
  for (;;) {
    const { data, problems } = readAs(SearchQuery, kept);
    if (problems === null) return { query: data, refused };
    for (const { path, message } of problems) {
      const field = String(path[0]);
      refused[field] = message;
      delete kept[field];
    }
  }
}

function title({ freeGpus, providersOnline }: MarketFigures): string {
  if (providersOnline === 0) return "No provider is online now";
  const gpus = freeGpus === 1 ? "1 GPU" : `${freeGpus} GPUs`;
  return `${gpus} free across ${providersOnline === 1 ? "1 provider" : `${providersOnline} providers`}`;
}

function without(query: MarketQuery, refused: Readonly<Record<string, string>>): MarketQuery {
  const kept: Partial<Record<MarketPart, readonly string[]>> = { ...query };
  for (const name of MARKET_PARTS) if (refused[name]) delete kept[name];
  return kept;
}

export default async function MarketPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const given = readMarketQuery(await searchParams);
  const { query, refused } = parse(given);
  const written = without(given, refused);
  const [{ offers, next_cursor: next, facets, onFirst }, figures, who] = await Promise.all([
    listAt(query.cursor, (cursor) => searchOffers(deps(), { ...query, cursor })),
    marketFigures(deps(), query.gpu ?? []),
    principal(),
  ]);
  const now = deps().clock.now().toISOString();
  const filtered = Object.keys(written).some(isMarketFilter);
  const search = searchText(query);
  return (
    <Page
      eyebrow="Live market"
      title={title(figures)}
      aside={
        <span className="flex flex-wrap items-center gap-x-4 text-ink-3 text-small">
          <Link className="link text-ink-2" href="/searches">
            Saved searches
          </Link>
          <span>
            as of <Moment at={now} />
          </span>
        </span>
      }
    >
      <Live everyMs={EVERY_MS} />
      <MarketFacts figures={figures} />
      <section className="sheet" aria-label="Offers">
        {/* The form holds what was typed; a new address begins a new form. */}
        <MarketFilters key={marketHref(given, {})} query={given} facets={facets} refused={refused} />
        <div className="grid gap-2.5 px-4 py-2.5">
          <ActiveFilters query={written} />
          <RemovedLine query={written} found={facets.found} total={facets.total} removed={facets.removed} />
          {who ? (
            <SaveSearch key={search} search={search} words={searchWords(search)} save={saveSearchAction} />
          ) : (
            filtered && (
              <p className="text-small">
                <Link className="link text-ink-2" href="/searches">
                  Log in to save this search
                </Link>
              </p>
            )
          )}
        </div>
        {offers.length > 0 ? (
          <Offers offers={offers} now={now} />
        ) : (
          <Empty
            title={filtered ? "No offer fits these filters" : "No offer yet"}
            action={filtered && <LinkButton href="/">Show all offers</LinkButton>}
          >
            <p>
              {filtered
                ? "The line above says how many offers would return without each filter."
                : "Offers appear as soon as a provider has enrolled and sent its first report."}
            </p>
          </Empty>
        )}
        <Pager
          label="Offers"
          firstHref={onFirst ? null : marketHref(written, {})}
          nextHref={next ? marketHref(written, { cursor: [next] }) : null}
        />
      </section>
      <BerthLegend mining={offers.some((offer) => offer.mining_gpus > 0)} />
    </Page>
  );
}
