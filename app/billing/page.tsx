// What an account has, and every entry that made it so.
import type { Metadata } from "next";
import { Balance, Formula } from "../../components/billing/balance.tsx";
import { Entries } from "../../components/billing/entries.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { jobOperations } from "../../protocol/operations/job.ts";
import { getBilling } from "../../server/usecases/billing/get-billing.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { first, hrefOf, type SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Billing" };

export default async function BillingPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Billing" title="Your balance">
        <LoginFirst title="Log in to see your balance" options={loginOptions()}>
          Every hold, charge and release is listed here, to the millionth of a dollar.
        </LoginFirst>
        <Formula />
      </Page>
    );
  }
  const cursor = first((await searchParams).cursor);
  const query = jobOperations.getBilling.query.safeParse({ cursor });
  const { entries, next_cursor: next, ...billing } = await getBilling(deps(), who, query.success ? query.data : {});
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
          firstHref={cursor ? "/billing" : null}
          nextHref={next ? hrefOf("/billing", { cursor: next }) : null}
        />
      </section>
      <Formula />
    </Page>
  );
}
