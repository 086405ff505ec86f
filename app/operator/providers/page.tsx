// Machines by admission: those that wait come first.
import type { Metadata } from "next";
import Link from "next/link";
import { OperatorFrame } from "../../../components/operator/frame.tsx";
import { ProvidersTable } from "../../../components/operator/providers-table.tsx";
import { Button, LinkButton } from "../../../components/ui/button.tsx";
import { Empty } from "../../../components/ui/empty.tsx";
import { Input } from "../../../components/ui/field.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Pager } from "../../../components/ui/pager.tsx";
import { Moment } from "../../../components/ui/time.tsx";
import type { Principal } from "../../../domain/account/principal.ts";
import type { Admission } from "../../../domain/provider/state.ts";
import { operatorOperations } from "../../../protocol/operations/operator.ts";
import { listProvidersForOperator, readBatchQueue } from "../../../server/usecases/operator/list-providers.ts";
import { deps } from "../../context.ts";
import { listAt } from "../../list-at.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";
import { decisionsOf, forOperator } from "../operator.tsx";

export const metadata: Metadata = { title: "Providers · Operator" };

const EVERY_MS = 5000;
const PATH = "/operator/providers";

const TABS = [
  { tab: "pending", words: "waiting" },
  { tab: "approved", words: "admitted" },
  { tab: "suspended", words: "suspended" },
  { tab: "rejected", words: "rejected" },
  { tab: "removed", words: "removed" },
  { tab: "all", words: "all but removed" },
] as const satisfies readonly { tab: Admission | "all"; words: string }[];
type Tab = (typeof TABS)[number]["tab"];

const NOTHING: Readonly<Record<Tab, { title: string; words: string }>> = {
  pending: {
    title: "Nothing waits for you",
    words: "A machine that enrols where admission is manual waits here until you decide.",
  },
  approved: { title: "No machine is admitted", words: "Machines that may take work are here." },
  suspended: { title: "No machine is suspended", words: "A machine that you stop is here with your reason." },
  rejected: { title: "No machine was turned away", words: "A machine that you turn away is here with your reason." },
  removed: { title: "No machine was removed", words: "Machines that their owners took out are here." },
  all: { title: "No machine is enrolled", words: "Machines are here as soon as their owners enrol them." },
};

export default function OperatorProvidersPage({ searchParams }: { readonly searchParams: SearchParams }) {
  return forOperator(async (operator) => view(operator, await searchParams));
}

async function view(operator: Principal, params: Awaited<SearchParams>) {
  const asked = TABS.find(({ tab }) => tab === first(params.admission))?.tab;
  const parsed = operatorOperations.listProvidersForOperator.query.safeParse({ search: first(params.search) });
  const search = parsed.data?.search;
  const pageOf = (admission: Admission | undefined) =>
    listAt(first(params.cursor), (cursor) => listProvidersForOperator(deps(), operator, { search, admission, cursor }));
  const queue = await readBatchQueue(deps(), operator);
  const waiting = await pageOf("pending");
  const tab = asked ?? (waiting.count > 0 ? "pending" : "all");
  const shown = tab === "pending" ? waiting : await pageOf(tab === "all" ? undefined : tab);
  const { providers, admissions, next_cursor: next, onFirst } = shown;
  const all = Object.entries(admissions).reduce((sum, [each, count]) => (each === "removed" ? sum : sum + count), 0);
  return (
    <OperatorFrame here={PATH} title={admissions.pending ? `${admissions.pending} waiting for you` : "Providers"}>
      <Live everyMs={EVERY_MS} />
      <p className="text-cell text-ink-2">
        {queue.waiting === 0 ? (
          "No batch job waits for a machine."
        ) : (
          <>
            <span className="num">{queue.waiting}</span> batch {queue.waiting === 1 ? "job waits" : "jobs wait"} for
            machines{queue.oldest && ", the oldest since "}
            {queue.oldest && <Moment at={queue.oldest} withDay />}.
          </>
        )}
      </p>
      <section className="sheet" aria-label="Providers">
        <div className="flex flex-wrap items-center justify-between gap-3 border-line border-b p-3">
          <nav aria-label="Admission" className="flex flex-wrap gap-2">
            {TABS.map(({ tab: each, words }) => (
              <Link
                key={each}
                className="chip"
                href={hrefOf(PATH, { admission: each, search })}
                aria-current={each === tab ? "true" : undefined}
              >
                {words} <span className="num">{each === "all" ? all : (admissions[each] ?? 0)}</span>
              </Link>
            ))}
          </nav>
          <form action={PATH} className="flex min-w-0 gap-2 max-sm:w-full">
            <input type="hidden" name="admission" value={tab} />
            <Input
              name="search"
              type="search"
              defaultValue={search ?? ""}
              maxLength={80}
              aria-label="Search by name, host name, owner or id"
              placeholder="Name, host, owner, id"
              data-search=""
              className="sm:w-56"
            />
            <Button type="submit">Search</Button>
          </form>
        </div>
        {providers.length > 0 ? (
          <ProvidersTable providers={providers} now={deps().clock.now().toISOString()} decisionsOf={decisionsOf} />
        ) : (
          <Empty
            title={search ? `Nothing matches “${search}”` : NOTHING[tab].title}
            action={search && <LinkButton href={hrefOf(PATH, { admission: tab })}>Drop the search</LinkButton>}
          >
            <p>{search ? "Names, host names, owners' addresses and ids are searched." : NOTHING[tab].words}</p>
          </Empty>
        )}
        <Pager
          label="Pages of providers"
          firstHref={onFirst ? null : hrefOf(PATH, { admission: tab, search })}
          nextHref={next ? hrefOf(PATH, { admission: tab, search, cursor: next }) : null}
        />
      </section>
    </OperatorFrame>
  );
}
