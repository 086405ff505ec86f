// Searches that are kept, and the alerts they raised.
import type { Metadata } from "next";
import { searchWords } from "../../components/market/query.ts";
import { Alerts } from "../../components/searches/alerts.tsx";
import { SavedSearches } from "../../components/searches/saved-searches.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Live } from "../../components/ui/live.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { listAlerts } from "../../server/usecases/search/alerts.ts";
import { listSavedSearches } from "../../server/usecases/search/list-saved-searches.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { listAt } from "../list-at.ts";
import { first, hrefOf, type SearchParams } from "../search-params.ts";
import { forgetSearchAction, readAlertsAction } from "./actions.ts";

export const metadata: Metadata = { title: "Searches" };

const EVERY_MS = 15_000;

export default async function SearchesPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Searches" title="Your searches">
        <LoginFirst title="Log in to see your searches" options={loginOptions()}>
          A search of the market can be kept, and tells you when something that fits comes within your price.
        </LoginFirst>
      </Page>
    );
  }
  const given = first((await searchParams).cursor);
  const [{ saved_searches: searches }, { alerts, unread, next_cursor: next, onFirst }] = await Promise.all([
    listSavedSearches(deps(), who),
    listAt(given, (cursor) => listAlerts(deps(), who, { cursor })),
  ]);
  return (
    <Page
      eyebrow="Searches"
      title={searches.length === 1 ? "1 saved search" : `${searches.length} saved searches`}
      aside={<LinkButton href="/">Search the market</LinkButton>}
    >
      <Live everyMs={EVERY_MS} />
      <section className="sheet" aria-label="Saved searches">
        {searches.length > 0 ? (
          <SavedSearches
            searches={searches.map((search) => ({ ...search, words: searchWords(search.query) }))}
            forget={forgetSearchAction}
          />
        ) : (
          <Empty title="No search is saved yet" action={<LinkButton href="/">Search the market</LinkButton>}>
            <p>Filter the market for what you need, then choose “Save this search” below the filters.</p>
          </Empty>
        )}
      </section>
      <section className="sheet" aria-label="Alerts" id="alerts">
        <h2 className="border-line border-b px-4 py-3">Alerts</h2>
        {alerts.length > 0 ? (
          <Alerts alerts={alerts} unread={unread} read={readAlertsAction} />
        ) : (
          <p className="px-4 py-6 text-cell text-ink-2">
            None yet. An alert comes when something that fits a saved search costs no more than the price you gave it,
            and again after it was gone.
          </p>
        )}
        <Pager
          label="Alerts"
          firstHref={onFirst ? null : "/searches"}
          nextHref={next ? hrefOf("/searches", { cursor: next }) : null}
        />
      </section>
    </Page>
  );
}
