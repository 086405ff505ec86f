// What an account has, and every entry that made it so.
import type { Metadata } from "next";
import { Balance, Formula } from "../../components/billing/balance.tsx";
import { Entries } from "../../components/billing/entries.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { getBilling } from "../../server/usecases/billing/get-billing.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { listAt } from "../list-at.ts";
import { first, hrefOf, type SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Billing" };

export default async function BillingPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Billing" title="Your balance">
        <LoginFirst title="Log in to see your balance" options={loginOptions()}>
          Every hold, charge, release and refund is listed here, to the millionth of a dollar.
        </LoginFirst>
        <Formula />
      </Page>
    );
  }
  const given = first((await searchParams).cursor);
  const page = await listAt(given, (cursor) => getBilling(deps(), who, { cursor }));
  const { entries, next_cursor: next, onFirst, ...billing } = page;
  return (
    <Page eyebrow="Billing" title="Your balance">
      <Balance billing={billing} />
      <section className="sheet" aria-label="Entries">
        {entries.length > 0 ? (
          <Entries entries={entries} />
        ) : (
          <Empty title="No entry yet" action={<LinkButton href="/">Find a GPU</LinkButton>}>
            <p>The first hold of a rental is the first line here.</p>
          </Empty>
        )}
        <Pager
          label="Entries"
          firstHref={onFirst ? null : "/billing"}
          nextHref={next ? hrefOf("/billing", { cursor: next }) : null}
        />
      </section>
      <Formula />
    </Page>
  );
}
