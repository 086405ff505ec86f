// The market: what can be rented now, live, without a login.
import { MarketFilters } from "../components/market/filters.tsx";
import { MarketFacts, type MarketFigures } from "../components/market/market-facts.tsx";
import { Offers } from "../components/market/offers.tsx";
import { isMarketFilter, type MarketQuery, marketHref, readMarketQuery } from "../components/market/query.ts";
import { RemovedLine } from "../components/market/removed-line.tsx";
import { Page } from "../components/shell/page.tsx";
import { BerthLegend } from "../components/ui/berths.tsx";
import { LinkButton } from "../components/ui/button.tsx";
import { Empty } from "../components/ui/empty.tsx";
import { Live } from "../components/ui/live.tsx";
import { Pager } from "../components/ui/pager.tsx";
import { Moment } from "../components/ui/time.tsx";
import { SearchQuery } from "../protocol/operations/provider.ts";
import { marketFigures } from "../server/usecases/provider/market-figures.ts";
import { searchOffers } from "../server/usecases/provider/search-offers.ts";
import { deps } from "./context.ts";
import type { SearchParams } from "./search-params.ts";

const EVERY_MS = 4000;
const PAGE = "25";

/** What the wire refuses is told and left out; the rest of the filters still counts. */
function parse(written: MarketQuery): { query: SearchQuery; refused: Record<string, string> } {
  const refused: Record<string, string> = {};
  const kept: Record<string, string> = { ...written, limit: PAGE };
  const whole = SearchQuery.safeParse(kept);
  if (whole.success) return { query: whole.data, refused };
  for (const issue of whole.error.issues) {
    const field = String(issue.path[0]);
    refused[field] = issue.message;
    delete kept[field];
  }
  return { query: SearchQuery.parse(kept), refused };
}

function title({ freeGpus, providersOnline }: MarketFigures): string {
  if (providersOnline === 0) return "No provider is online now";
  const gpus = freeGpus === 1 ? "1 GPU" : `${freeGpus} GPUs`;
  return `${gpus} free across ${providersOnline === 1 ? "1 provider" : `${providersOnline} providers`}`;
}

export default async function MarketPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const written = readMarketQuery(await searchParams);
  const { query, refused } = parse(written);
  const [{ offers, next_cursor: next, facets }, figures] = await Promise.all([
    searchOffers(deps(), query),
    marketFigures(deps(), query.gpu ?? []),
  ]);
  const now = deps().clock.now().toISOString();
  const filtered = Object.keys(written).some(isMarketFilter);
  return (
    <Page
      eyebrow="Live market"
      title={title(figures)}
      aside={
        <span className="text-ink-3 text-small">
          as of <Moment at={now} />
        </span>
      }
    >
      <Live everyMs={EVERY_MS} />
      <MarketFacts figures={figures} />
      <section className="sheet" aria-label="Offers">
        {/* The form holds what was typed; a new address begins a new form. */}
        <MarketFilters
          key={marketHref(written, {})}
          query={written}
          models={facets.gpu}
          regions={facets.region}
          refused={refused}
        />
        <div className="px-4 py-2.5">
          <RemovedLine query={written} shown={offers.length} total={facets.total} removed={facets.removed} />
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
          firstHref={written.cursor ? marketHref(written, {}) : null}
          nextHref={next ? marketHref(written, { cursor: next }) : null}
        />
      </section>
      <BerthLegend mining={offers.some((offer) => offer.mining_gpus > 0)} />
    </Page>
  );
}
