// The network: who runs jobs, what is known of them, and figures that are live or absent.
import type { Metadata } from "next";
import { NetworkFacts } from "../../components/network/network-facts.tsx";
import { networkHref, nodeFilters, readNodeQuery } from "../../components/network/network-query.ts";
import { NodeFilters } from "../../components/network/node-filters.tsx";
import { NodesTable } from "../../components/network/nodes-table.tsx";
import { Page } from "../../components/shell/page.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Live } from "../../components/ui/live.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { Moment } from "../../components/ui/time.tsx";
import { countFoundNodes, listNodes } from "../../server/usecases/network/list-nodes.ts";
import { networkStats } from "../../server/usecases/network/stats.ts";
import { deps } from "../context.ts";
import { listAt } from "../list-at.ts";
import { first, type SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Network" };

const EVERY_MS = 10_000;
const A_PAGE = 25;

export default async function NetworkPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const params = await searchParams;
  const query = readNodeQuery(params);
  const filters = nodeFilters(query);
  const [page, { found, regions }, stats] = await Promise.all([
    listAt(first(params.cursor), (cursor) =>
      listNodes(deps(), { ...filters, sort: query.sort, limit: A_PAGE, cursor }),
    ),
    countFoundNodes(deps(), filters),
    networkStats(deps()),
  ]);
  const { nodes, next_cursor: next, onFirst } = page;
  const filtered = Object.values(filters).some((value) => value !== undefined);
  const there = stats.nodes.online + stats.nodes.busy;
  return (
    <Page
      eyebrow="Network"
      title={there === 1 ? "1 node online" : `${there} nodes online`}
      aside={
        <span className="text-ink-3 text-small">
          as of <Moment at={deps().clock.now().toISOString()} />
        </span>
      }
    >
      <Live everyMs={EVERY_MS} />
      <NetworkFacts stats={stats} />
      <section className="sheet" aria-label="Nodes">
        <NodeFilters query={query} regions={regions} />
        <p className="px-4 py-2.5 text-ink-3 text-small">
          <span className="num">{found}</span> {found === 1 ? "node" : "nodes"}
          {filtered && (
            <>
              {" "}
              of <span className="num">{stats.nodes.total}</span>
            </>
          )}
          . Verified and wrong are results held against those of other owners; they count half after 30 days.
        </p>
        {nodes.length > 0 ? (
          <NodesTable nodes={nodes} />
        ) : (
          <Empty
            title={filtered ? "No node fits these filters" : "No node yet"}
            action={
              filtered ? (
                <LinkButton href="/network">Show all nodes</LinkButton>
              ) : (
                <LinkButton href="/provider/enrol">Enrol a machine</LinkButton>
              )
            }
          >
            <p>A node is a machine that was admitted here and runs jobs. It is listed with its first report.</p>
          </Empty>
        )}
        <Pager
          label="Nodes"
          firstHref={onFirst ? null : networkHref(query, {})}
          nextHref={next ? networkHref(query, {}, next) : null}
        />
      </section>
    </Page>
  );
}
