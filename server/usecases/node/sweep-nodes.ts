// Rings for nodes that are due, and finds what the watch missed.
import { isId, type ProviderId } from "../../../domain/ids.ts";
import { labelValue } from "../../../domain/node/marks.ts";
import { type NodePlan, planNode } from "../../../domain/node/plan.ts";
import { type JoinRequest, type SeenNode, tokenOf } from "../../../domain/node/seen.ts";
import type { Db, Deps, Nodes } from "../../deps.ts";
import { claimDueNodes, factsOf, type LoadedNode, loadAllNodes, providerOfOldToken } from "../../repos/nodes.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { recordIncident } from "./incidents.ts";

const CLAIM_AT_ONCE = 200;
const REFUSE_AT_ONCE = 100;

/** Rings what is due. @returns how many */
export async function sweepDueNodes({
  db,
  clock,
  queue,
  nodes,
}: Pick<Deps, "db" | "clock" | "queue" | "nodes">): Promise<number> {
  if (!nodes) return 0;
  const due = await claimDueNodes(db, clock.now(), CLAIM_AT_ONCE);
  await Promise.all(due.map((id) => queue.ring("node.reconcile", { id })));
  return due.length;
}

/**
 * Compares all nodes with all rows, both ways.
 * @returns what rings and the watch had missed
 */
export async function compareNodes({
  db,
  clock,
  queue,
  nodes,
}: Pick<Deps, "db" | "clock" | "queue" | "nodes">): Promise<{ woken: number; renamed: number; refused: number }> {
  if (!nodes) return { woken: 0, renamed: 0, refused: 0 };
  const [seen, requests] = [await nodes.list(), await nodes.requests()];
  const rows = await loadAllNodes(db); // after the cluster: a node is never newer than the row it is compared with
  const now = clock.now();
  const byName = new Map(seen.map((node) => [node.name, node]));
  const stale = rows.filter((row) => wantsALook(row, byName.get(row.node.nodeName) ?? null, requests, now));
  await Promise.all(stale.map(({ provider }) => queue.ring("node.reconcile", { id: provider.id })));
  const renamed = await tellRenamed(db, seen, rows, now);
  const refused = await refuseOrphans({ db, nodes }, requests, rows, now);
  return { woken: stale.length, renamed, refused };
}

function wantsALook(row: LoadedNode, node: SeenNode | null, all: readonly JoinRequest[], now: Date): boolean {
  const own = all.filter(({ username }) => row.node.tokenId !== null && tokenOf(username) === row.node.tokenId);
  const plan = planNode(factsOf(row), node, own, now);
  const acts = plan.issue || plan.revoke || plan.claim || plan.approve || plan.refuse.length > 0 || plan.mark;
  return Boolean(acts) || plan.edges.length > 0 || observesAnew(row, plan);
}

function observesAnew({ node }: LoadedNode, { observed }: NodePlan): boolean {
  if (!observed) return false;
  return (
    observed.nodeUid !== node.nodeUid ||
    observed.ready !== node.ready ||
    observed.allocatableGpus !== node.allocatableGpus ||
    observed.kubeletVersion !== node.kubeletVersion
  );
}

/** A node that says it is some provider's, under a name that was never issued to it: a kubelet can write its labels. */
async function tellRenamed(db: Db, seen: readonly SeenNode[], rows: readonly LoadedNode[], now: Date): Promise<number> {
  const owners = new Map(rows.map((row) => [labelValue(row.provider.id), row]));
  let renamed = 0;
  for (const node of seen) {
    const row = owners.get(node.labels["provider-id"] ?? "");
    if (!row || row.node.nodeName === node.name) continue;
    renamed++;
    await db.transaction(async (tx) => {
      await lockProviderRow(tx, row.provider.id);
      const message = `The Node ${node.name} carries the label of ${row.provider.name}, whose node is ${row.node.nodeName}. It gets no work: labels authorise nothing.`;
      const data = { name: node.name, uid: node.uid };
      await recordIncident(tx, row.provider.id, { code: "node-renamed", message, data }, now);
    });
  }
  return renamed;
}

/** Requests made with a token that is out no more. */
async function refuseOrphans(
  { db, nodes }: { readonly db: Db; readonly nodes: Nodes },
  requests: readonly JoinRequest[],
  rows: readonly LoadedNode[],
  now: Date,
): Promise<number> {
  const out = new Set(rows.map(({ node }) => node.tokenId));
  const orphans = requests.filter(({ username, state }) => state === "pending" && !out.has(tokenOf(username)));
  let refused = 0;
  for (const { name, username } of orphans.slice(0, REFUSE_AT_ONCE)) {
    const why = "its token was revoked";
    const owner = await providerOfOldToken(db, tokenOf(username) ?? "");
    if (!owner || !isId("prov", owner)) continue; // issued by somebody else who uses this cluster: not ours to answer
    await tellRefused(db, owner, name, why, now);
    await nodes.refuse(name, why);
    refused++;
  }
  return refused;
}

function tellRefused(db: Db, id: ProviderId, request: string, why: string, now: Date): Promise<void> {
  return db.transaction(async (tx) => {
    await lockProviderRow(tx, id);
    const message = `A certificate request was refused: ${why}.`;
    await recordIncident(tx, id, { code: "csr-refused", message, data: { request, why } }, now);
  });
}
