// The node side of a provider: what the cluster should hold for it meets what it holds. Safe to run twice, by two
// workers at once, and to be killed anywhere: what is decided is written before it is done, and looked at again.
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import { type NodePlan, planNode, TOKEN_LIFE_MS } from "../../../domain/node/plan.ts";
import type { JoinRequest, SeenNode } from "../../../domain/node/seen.ts";
import type { PresenceEvent } from "../../../domain/provider/state.ts";
import type { Deps, JoinTarget, Nodes, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { factsOf, type LoadedNode, loadNode, type NodeSet, wakeAgentOf, writeNode } from "../../repos/nodes.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { writePresenceEdge } from "../provider/presence-edge.ts";
import { newBootstrapToken } from "./bootstrap-token.ts";
import { recordIncident } from "./incidents.ts";

export type NodeDeps = Pick<Deps, "db" | "clock" | "queue" | "nodes" | "secrets" | "log">;

export async function reconcileNode(deps: NodeDeps, id: ProviderId): Promise<void> {
  const { db, clock, nodes, queue } = deps;
  const row = await loadNode(db, id);
  if (!row || !nodes) return;
  const { nodeName, tokenId } = row.node;
  const node = await nodes.find(nodeName);
  const requests = tokenId === null ? [] : await nodes.requests(tokenId);
  const now = clock.now();
  const plan = planNode(factsOf(row), node, requests, now);
  const ticket = plan.issue ? { ...newBootstrapToken(), ...(await nodes.prepare()) } : null;
  await act(deps, nodes, row, plan);
  const woken = await record(deps, row, { plan, node, requests, ticket, now });
  if (woken) await refuseAll(deps, nodes, plan);
  for (const execution of woken ?? []) await queue.ring("execution.reconcile", { id: execution });
  // What was just marked is looked at, once: a node that keeps losing the same marks waits for the next sweep.
  const marked = plan.mark !== null && textOf(plan.mark) !== row.node.marksWritten;
  if (!woken || ticket || plan.revoke || plan.claim || marked) await queue.ring("node.reconcile", { id });
}

function textOf({ marks }: NonNullable<NodePlan["mark"]>): string {
  return JSON.stringify({ ...marks, heartbeat: undefined }); // a new sign of life alone is no other mark
}

async function act({ secrets }: NodeDeps, nodes: Nodes, { node }: LoadedNode, plan: NodePlan): Promise<void> {
  const { nodeName, tokenId, tokenExpiresAt, sealedToken } = node;
  if (plan.keepToken && sealedToken && tokenExpiresAt)
    await nodes.issueToken(secrets.open(sealedToken), nodeName, tokenExpiresAt);
  if (plan.approve) await nodes.approve(plan.approve);
  if (plan.revoke && tokenId) await nodes.revokeToken(tokenId);
  if (plan.mark) await nodes.mark(nodeName, plan.mark.uid, plan.mark.marks);
}

/**
 * After it was told of, so that no refusal goes untold. A signer that Berth may not answer for leaves its request
 * pending, which is as good: nobody approves it.
 */
async function refuseAll({ log }: NodeDeps, nodes: Nodes, { refuse }: NodePlan): Promise<void> {
  for (const { name, why } of refuse)
    await nodes
      .refuse(name, why)
      .catch((err: unknown) => log.warn({ err, request: name }, "a certificate request could not be refused"));
}

interface Decided {
  readonly plan: NodePlan;
  readonly node: SeenNode | null;
  readonly requests: readonly JoinRequest[];
  readonly ticket: (JoinTarget & { readonly id: string; readonly token: string }) | null;
  readonly now: Date;
}

/** @returns executions to look at; null where somebody was faster and nothing was written */
function record(deps: NodeDeps, row: LoadedNode, decided: Decided): Promise<ExecutionId[] | null> {
  const { id } = row.provider;
  const { plan, ticket, now } = decided;
  return deps.db.transaction(async (tx) => {
    if (!(await lockProviderRow(tx, id))) return null;
    if (!(await writeNode(tx, row, changes(deps, decided), plan.againAt))) return null;
    const tell = (code: string, message: string, data: Record<string, string>) =>
      recordEvent(tx, { subject: id, code, message, data, at: now });
    const { nodeName } = row.node;
    if (ticket) {
      const until = new Date(now.getTime() + TOKEN_LIFE_MS).toISOString();
      await tell("join-issued", `The join command of ${nodeName} is good for 30 minutes.`, { token: ticket.id, until });
      await wakeAgentOf(tx, id);
    }
    if (plan.claim)
      await tell("csr-approved", `${nodeName} gets the certificate it asked for, and nobody else does.`, {
        request: plan.claim,
      });
    if (plan.revoke && row.node.tokenId)
      await tell("join-revoked", `The token of ${nodeName} was revoked.`, { token: row.node.tokenId });
    for (const incident of plan.incidents) await recordIncident(tx, id, incident, now);
    const { observed } = plan;
    if (observed && observed.allocatableGpus !== row.node.allocatableGpus) await recomputeOffers(tx, id);
    const woken = new Set<ExecutionId>();
    for (const edge of plan.edges)
      for (const execution of (await writeEdge(tx, id, edge, row, decided)) ?? []) woken.add(execution);
    return [...woken];
  });
}

function changes({ secrets }: NodeDeps, { plan, node, ticket, now }: Decided): NodeSet {
  return {
    ...(plan.observed ?? {}),
    ...(node ? { seenAt: now } : {}),
    ...(plan.observed?.nodeUid === null ? { marksWritten: null } : {}),
    ...(plan.mark ? { marksWritten: textOf(plan.mark) } : {}),
    ...(plan.claim ? { csrName: plan.claim } : {}),
    ...(plan.revoke ? { tokenId: null, sealedToken: null } : {}),
    ...(ticket
      ? {
          tokenId: ticket.id,
          sealedToken: secrets.seal(ticket.token),
          tokenExpiresAt: new Date(now.getTime() + TOKEN_LIFE_MS),
          apiServer: ticket.apiServer,
          caHash: ticket.caHash,
          csrName: null,
        }
      : {}),
  };
}

async function writeEdge(
  tx: Tx,
  id: ProviderId,
  edge: PresenceEvent,
  { node: { nodeName } }: LoadedNode,
  { plan, node, now }: Decided,
): Promise<ExecutionId[] | null> {
  const locked = await lockProviderRow(tx, id); // as the edge before left it
  if (!locked) return null;
  const message = {
    fullReport: `${nodeName} joined the cluster.`,
    cleanReport: `${nodeName} is ready.`,
    silent: node ? `${nodeName} is not ready.` : `${nodeName} is not in the cluster any more.`,
  }[edge];
  return writePresenceEdge(tx, locked, edge, { now, silentSince: plan.silentSince, message });
}
