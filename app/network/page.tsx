// The network: who runs jobs, what is known of them, and figures that are live or absent.
import type { Metadata } from "next";
import { NetworkFacts } from "../../components/network/network-facts.tsx";
import { networkHref, readNodeQuery, shownNodes } from "../../components/network/network-query.ts";
import { NodeFilters } from "../../components/network/node-filters.tsx";
import { NodesTable } from "../../components/network/nodes-table.tsx";
import { Page } from "../../components/shell/page.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Live } from "../../components/ui/live.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { Moment } from "../../components/ui/time.tsx";
import type { NetworkNodeView } from "../../protocol/node-views.ts";
import { listNodes } from "../../server/usecases/network/list-nodes.ts";
import { networkStats } from "../../server/usecases/network/stats.ts";
import { deps } from "../context.ts";
import type { SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Network" };

const EVERY_MS = 10_000;
/** Filtered and sorted here, so that any order is one: more than these are named, not shown. */
const MOST_NODES = 500;
const A_READ = 100;

async function newestNodes(): Promise<{ readonly nodes: readonly NetworkNodeView[]; readonly more: boolean }> {
  const nodes: NetworkNodeView[] = [];
  let cursor: string | null = null;
  do {
    const read = await listNodes(deps(), { limit: A_READ, ...(cursor === null ? {} : { cursor }) });
    nodes.push(...read.nodes);
    cursor = read.next_cursor;
  } while (cursor !== null && nodes.length < MOST_NODES);
  return { nodes, more: cursor !== null };
}

export default async function NetworkPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const query = readNodeQuery(await searchParams);
  const [{ nodes, more }, stats] = await Promise.all([newestNodes(), networkStats(deps())]);
  const shown = shownNodes(nodes, query);
  const regions = [...new Set(nodes.map(({ region }) => region).filter(Boolean))].sort();
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
          <span className="num">{shown.found}</span> of <span className="num">{nodes.length}</span> nodes
          {more && `, the ${nodes.length} newest; the rest are at GET /api/v1/nodes`}
          {shown.pages > 1 && `, page ${query.page} of ${shown.pages}`}. Verified and wrong are results held against
          those of other owners; they count half after 30 days.
        </p>
        {shown.nodes.length > 0 ? (
          <NodesTable nodes={shown.nodes} />
        ) : (
          <Empty
            title={nodes.length === 0 ? "No node yet" : "No node fits these filters"}
            action={
              nodes.length === 0 ? (
                <LinkButton href="/provider/enrol">Enrol a machine</LinkButton>
              ) : (
                <LinkButton href="/network">Show all nodes</LinkButton>
              )
            }
          >
            <p>A node is a machine that was admitted here and runs jobs. It is listed with its first report.</p>
          </Empty>
        )}
        <Pager
          label="Nodes"
          firstHref={query.page > 1 ? networkHref(query, {}) : null}
          nextHref={query.page < shown.pages ? networkHref(query, { page: query.page + 1 }) : null}
        />
      </section>
    </Page>
  );
}
