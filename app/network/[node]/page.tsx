// One node: what it is, its reputation and why, and what its word weighs.
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { EvidencePanel } from "../../../components/network/evidence-panel.tsx";
import { share } from "../../../components/network/network-query.ts";
import { gpusOf } from "../../../components/network/nodes-table.tsx";
import { ReputationLedger } from "../../../components/provider/reputation-ledger.tsx";
import { Page, Panel } from "../../../components/shell/page.tsx";
import { Fact, Facts } from "../../../components/ui/facts.tsx";
import { Figure, Figures } from "../../../components/ui/figures.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Status } from "../../../components/ui/status.tsx";
import { Moment } from "../../../components/ui/time.tsx";
import type { Principal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import { isId } from "../../../domain/ids.ts";
import type { NetworkNodeView } from "../../../protocol/node-views.ts";
import { NodeId } from "../../../protocol/operations/node.ts";
import { getAnyJob } from "../../../server/usecases/job/any-job.ts";
import { getNode } from "../../../server/usecases/network/list-nodes.ts";
import { listReputation } from "../../../server/usecases/provider/list-reputation.ts";
import { deps, principal } from "../../context.ts";
import { listAt } from "../../list-at.ts";
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
  const { provider_id: providerId } = node;
  const ledger = await orNotFound(listAt(first(given), (cursor) => listReputation(deps(), providerId, { cursor })));
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
        <ReputationLedger
          note="0 to 1000; for people to choose by"
          reputation={ledger.reputation}
          events={ledger.events}
          mine={mine}
          firstHref={ledger.onFirst ? null : here}
          nextHref={ledger.next_cursor ? hrefOf(here, { cursor: ledger.next_cursor }) : null}
        />
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
    <Figures>
      <Figure name="Reputation" value={node.reputation_score} detail="of 1000" />
      <Figure
        name="Jobs run"
        value={node.total_jobs_run}
        detail={`${node.failed_jobs} wrong, or failed by its fault`}
      />
      <Figure name="Verified" value={node.successful_jobs_run} detail="since it enrolled" />
      {node.success_rate !== null && (
        <Figure name="Success rate" value={share(node.success_rate)} detail="without what failed by the job's fault" />
      )}
    </Figures>
  );
}

function Machine({ node }: { readonly node: NetworkNodeView }) {
  return (
    <Panel title="Machine">
      <Facts>
        <Fact name="Owner">
          <span className="num" title={node.owner}>
            {node.owner_short}
          </span>
        </Fact>
        <Fact name="Region">{node.region || "not told"}</Fact>
        <Fact name="GPUs">{gpusOf(node)}</Fact>
        <Fact name="vCPU" className="num">
          {node.cpu_cores}
        </Fact>
        <Fact name="Memory" className="num">
          {node.memory_gb} GB
        </Fact>
        <Fact name="Runs jobs as">{node.runtime}</Fact>
        <Fact name="Last heard">
          <Moment at={node.last_heartbeat} withDay />
        </Fact>
        <Fact name="Here since">
          <Moment at={node.registered_at} withDay />
        </Fact>
      </Facts>
    </Panel>
  );
}
