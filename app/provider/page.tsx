// An owner's machines and what they earn.
import type { Metadata } from "next";
import { FleetFacts } from "../../components/provider/fleet-facts.tsx";
import { MachinesTable } from "../../components/provider/machines-table.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import { BerthLegend } from "../../components/ui/berths.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Live } from "../../components/ui/live.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { fleetTotals } from "../../server/usecases/provider/fleet-totals.ts";
import { listOwnProviders } from "../../server/usecases/provider/list-own-providers.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { listAt } from "../list-at.ts";
import { first, hrefOf, type SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Provider" };

const EVERY_MS = 4000;

export default async function ProviderPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Provider" title="Your machines">
        <LoginFirst title="Log in to earn with your GPUs" options={loginOptions()}>
          Machines belong to the wallet that enrolled them, and what they earn goes to it.
        </LoginFirst>
      </Page>
    );
  }
  const given = first((await searchParams).cursor);
  const [{ providers, next_cursor: next, onFirst }, fleet] = await Promise.all([
    listAt(given, (cursor) => listOwnProviders(deps(), who, { cursor })),
    fleetTotals(deps(), who),
  ]);
  if (fleet.machines === 0) {
    return (
      <Page eyebrow="Provider" title="Your machines">
        <div className="sheet">
          <Empty
            title="No machine yet"
            action={
              <>
                <LinkButton tone="go" href="/provider/enrol">
                  Enrol a machine
                </LinkButton>
                <LinkButton href="/">See what others ask</LinkButton>
              </>
            }
          >
            <p>
              One command on a machine with GPUs, and it is on the market at your price. It earns by the second, after a
              fee of {deps().settings.platformFeeBps / 100} %, and you can drain it whenever you need it yourself.
            </p>
          </Empty>
        </div>
      </Page>
    );
  }
  return (
    <Page
      eyebrow="Provider"
      title="Your machines"
      aside={
        <LinkButton tone="go" href="/provider/enrol">
          Enrol a machine
        </LinkButton>
      }
    >
      <Live everyMs={EVERY_MS} />
      <FleetFacts fleet={fleet} />
      <div>
        <section className="sheet" aria-label="Machines">
          <MachinesTable machines={providers} now={deps().clock.now().toISOString()} />
          <Pager
            label="Machines"
            firstHref={onFirst ? null : "/provider"}
            nextHref={next ? hrefOf("/provider", { cursor: next }) : null}
          />
        </section>
        <BerthLegend mining={fleet.gpus.mining > 0} />
      </div>
    </Page>
  );
}
