// One node: what it is, its reputation and why, and what its word weighs.
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { EvidencePanel } from "../../../components/network/evidence-panel.tsx";
import { Ledger } from "../../../components/network/ledger.tsx";
import { share } from "../../../components/network/network-query.ts";
import { gpusOf } from "../../../components/network/nodes-table.tsx";
import { Fact, Facts } from "../../../components/provider/fact.tsx";
import { Page, Panel } from "../../../components/shell/page.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Pager } from "../../../components/ui/pager.tsx";
import { Status } from "../../../components/ui/status.tsx";
import { Moment } from "../../../components/ui/time.tsx";
import type { Principal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import { isId } from "../../../domain/ids.ts";
import { Cursor } from "../../../protocol/fields.ts";
import type { NetworkNodeView } from "../../../protocol/node-views.ts";
import { NodeId } from "../../../protocol/operations/node.ts";
import { getAnyJob } from "../../../server/usecases/job/any-job.ts";
import { getNode } from "../../../server/usecases/network/list-nodes.ts";
import { listReputation } from "../../../server/usecases/provider/list-reputation.ts";
import { deps, principal } from "../../context.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";

export const metadata: Metadata = { title: "Node" };

const EVERY_MS = 10_000;

interface NodePageProps {
  readonly params: Promise<{ readonly node: string }>;
  readonly searchParams: SearchParams;
}

/** A stranger's object is not found. */
async function orNotFound<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (isAppError(error) && error.code === "not-found") notFound();
    throw error;
  });
}

/** Which of these jobs the reader may open. */
async function minesOf(who: Principal | null, jobs: readonly (string | null)[]): Promise<Set<string>> {
  if (!who) return new Set();
  const ids = [...new Set(jobs)].filter((id) => id !== null && isId("job", id));
  const found = await Promise.all(
    ids.map(async (id) => {
      if (id === null || !isId("job", id)) return null;
      const job = await getAnyJob(deps(), who, id).catch(() => null);
      return job?.id ?? null;
    }),
  );
  return new Set(found.filter((id) => id !== null));
}

export default async function NodePage({ params, searchParams }: NodePageProps) {
  const [{ node: written }, who, { cursor: given }] = await Promise.all([params, principal(), searchParams]);
  const id = NodeId.safeParse(decodeURIComponent(written));
  if (!id.success) notFound();
  const node = await orNotFound(getNode(deps(), who, id.data));
  if (!isId("prov", node.provider_id)) notFound();
  const cursor = Cursor.safeParse(first(given));
  const ledger = await orNotFound(listReputation(deps(), node.provider_id, { cursor: cursor.data }));
  const mine = await minesOf(
    who,
    ledger.events.map(({ job_id: job }) => job),
  );
  const here = `/network/${encodeURIComponent(written)}`;
  return (
    <Page
      eyebrow={
        <>
          Node · <span className="normal-case">{node.id}</span>
        </>
      }
      title={
        <>
          {node.name} <Status status={node.status} />
        </>
      }
    >
      <Live everyMs={EVERY_MS} />
      <Record node={node} />
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid gap-5">
          <section className="grid" aria-label="Ledger">
            <Ledger reputation={ledger.reputation} events={ledger.events} mine={mine} />
            <Pager
              label="Reputation"
              firstHref={cursor.success && cursor.data ? here : null}
              nextHref={ledger.next_cursor ? hrefOf(here, { cursor: ledger.next_cursor }) : null}
            />
          </section>
        </div>
        <div className="grid gap-5">
          <EvidencePanel evidence={node.evidence} />
          <Machine node={node} />
        </div>
      </div>
    </Page>
  );
}

function Record({ node }: { readonly node: NetworkNodeView }) {
  return (
    <Facts>
      <Fact name="Reputation" value={node.reputation_score} detail="of 1000" />
      <Fact name="Jobs run" value={node.total_jobs_run} detail={`${node.failed_jobs} without a result`} />
      <Fact name="Verified" value={node.successful_jobs_run} detail="since it enrolled" />
      {node.success_rate !== null && (
        <Fact name="Success rate" value={share(node.success_rate)} detail="verified of all that it ran" />
      )}
    </Facts>
  );
}

function Machine({ node }: { readonly node: NetworkNodeView }) {
  return (
    <Panel title="Machine">
      <dl className="facts">
        <dt>Owner</dt>
        <dd className="num" title={node.owner}>
          {node.owner_short}
        </dd>
        <dt>Region</dt>
        <dd>{node.region || "not told"}</dd>
        <dt>GPUs</dt>
        <dd>{gpusOf(node)}</dd>
        <dt>vCPU</dt>
        <dd className="num">{node.cpu_cores}</dd>
        <dt>Memory</dt>
        <dd className="num">{node.memory_gb} GB</dd>
        <dt>Runs jobs as</dt>
        <dd>{node.runtime}</dd>
        <dt>Last heard</dt>
        <dd>
          <Moment at={node.last_heartbeat} withDay />
        </dd>
        <dt>Here since</dt>
        <dd>
          <Moment at={node.registered_at} withDay />
        </dd>
      </dl>
    </Panel>
  );
}
