// What to do about one provider's node: a snapshot of its row and of the cluster in, everything that follows out.
import { type Admission, type Drain, OFFLINE_AFTER_MS, type Presence, type PresenceEvent } from "../provider/state.ts";
import { lacks, type Marks, marksOf, stripped } from "./marks.ts";
import { type Judgement, judgeRequests, type Refusal } from "./request.ts";
import type { JoinRequest, SeenNode } from "./seen.ts";

/** A token is good for so long. */
export const TOKEN_LIFE_MS = 30 * 60_000;
/** A kubelet reads its certificate with its token: that long after the approval at least, unless its node came. */
export const FETCH_GRACE_MS = 60_000;
/** The cluster says `silent` only after 40 seconds of its own; both together are the two minutes of every provider. */
export const CLUSTER_GRACE_MS = 40_000;
/** Device plugins speak a while after their kubelet: a difference in GPUs counts only when it lasts. */
export const CAPACITY_SETTLE_MS = 60_000;
/** A token that asked for so many certificates it may not have is in the wrong hands. */
export const MOST_REFUSED = 10;
const REFUSE_AT_ONCE = 20;
/** How often a node is looked at although nothing rang. */
const LOOK_EVERY_MS = 300_000;
const LOOK_WHILE_JOINING_MS = 10_000;

/** What the rows say. */
export interface NodeFacts {
  readonly providerId: string;
  readonly admission: Admission;
  readonly drain: Drain;
  readonly presence: Presence;
  readonly nodeName: string;
  readonly tokenId: string | null;
  /** null beside a token: it is to be replaced. Null without one: one is to be issued */
  readonly tokenExpiresAt: Date | null;
  readonly csrName: string | null;
  readonly nodeUid: string | null;
  /** GPUs that the machine has, whether or not the cluster offers them */
  readonly declaredGpus: number;
  readonly gpuModel: string | null;
  readonly activeJobs: number;
  readonly lastSeenAt: Date | null;
}

export interface Incident {
  readonly code:
    | "csr-refused"
    | "node-stranger"
    | "node-gone"
    | "capacity-mismatch"
    | "join-expired"
    | "capacity-restored";
  readonly message: string;
  /** told once for the same */
  readonly data: Readonly<Record<string, string | number>>;
}

export interface NodeObserved {
  readonly nodeUid: string | null;
  readonly ready: boolean | null;
  readonly readySince: Date | null;
  readonly allocatableGpus: number | null;
  readonly allocatableCpu: number | null;
  readonly allocatableMemoryMb: number | null;
  readonly kubeletVersion: string | null;
}

export interface NodePlan {
  readonly issue: boolean;
  /** the token is to exist in the cluster */
  readonly keepToken: boolean;
  readonly revoke: boolean;
  /** the request that gets the token's one approval; it is written down before it is approved */
  readonly claim: string | null;
  readonly approve: string | null;
  readonly refuse: readonly Refusal[];
  /** null: leave the node as it is */
  readonly mark: { readonly uid: string; readonly marks: Marks } | null;
  /** null: leave what was observed as it is */
  readonly observed: NodeObserved | null;
  readonly edges: readonly PresenceEvent[];
  readonly silentSince: Date | null;
  readonly incidents: readonly Incident[];
  /** null: nothing more happens here until somebody rings */
  readonly againAt: Date | null;
}

const NOTHING_SEEN: NodeObserved = {
  nodeUid: null,
  ready: null,
  readySince: null,
  allocatableGpus: null,
  allocatableCpu: null,
  allocatableMemoryMb: null,
  kubeletVersion: null,
};

/** @param requests made with the token that is out */
export function planNode(
  facts: NodeFacts,
  node: SeenNode | null,
  requests: readonly JoinRequest[],
  now: Date,
): NodePlan {
  const token = planToken(facts, node, requests, now);
  const seen = facts.admission === "approved" ? planNodeOfOurs(facts, node, now) : planOutsider(facts, node, now);
  const incidents = [...token.incidents, ...seen.incidents];
  return { ...token, ...seen, incidents, againAt: earliest(token.againAt, seen.againAt) };
}

type TokenPlan = Pick<NodePlan, "issue" | "keepToken" | "revoke" | "claim" | "approve" | "refuse"> & {
  incidents: Incident[];
  againAt: Date | null;
};

function planToken(facts: NodeFacts, node: SeenNode | null, requests: readonly JoinRequest[], now: Date): TokenPlan {
  const { tokenId, tokenExpiresAt, nodeName, csrName } = facts;
  const admitted = facts.admission === "approved";
  const none = { issue: false, keepToken: false, revoke: false, claim: null, approve: null };
  if (tokenId === null) {
    const issue = admitted && node === null && facts.nodeUid === null && tokenExpiresAt === null;
    return { ...none, issue, refuse: [], incidents: [], againAt: issue ? now : null };
  }
  const judged: Judgement = admitted
    ? judgeRequests(requests, { tokenId, nodeName }, csrName)
    : {
        chosen: null,
        refused: requests
          .filter(({ state }) => state === "pending")
          .map(({ name }) => ({ name, why: "the machine is not admitted" })),
      };
  const { chosen } = judged;
  const pending = new Set(requests.filter(({ state }) => state === "pending").map(({ name }) => name));
  const refuse = judged.refused.filter(({ name }) => pending.has(name)).slice(0, REFUSE_AT_ONCE);
  const incidents: Incident[] = refuse.map(({ name, why }) => ({
    code: "csr-refused",
    message: `A certificate request for ${nodeName} was refused: ${why}.`,
    data: { request: name, why },
  }));
  const abused = judged.refused.length >= MOST_REFUSED;
  const fetchedBy = chosen?.issued ? (chosen.decidedAt ?? now).getTime() + FETCH_GRACE_MS : null;
  const expired = tokenExpiresAt !== null && tokenExpiresAt <= now;
  const done = node !== null || (fetchedBy !== null && fetchedBy <= now.getTime());
  const revoke = !admitted || tokenExpiresAt === null || expired || done || abused;
  if (admitted && expired && !done && chosen === null)
    incidents.push({
      code: "join-expired",
      message: `The join command of ${nodeName} ran out before the machine joined. Ask for a new one.`,
      data: { token: tokenId },
    });
  return {
    issue: false,
    keepToken: !revoke,
    revoke,
    claim: chosen && csrName === null ? chosen.name : null,
    approve: chosen && csrName !== null && chosen.state === "pending" ? chosen.name : null,
    refuse,
    incidents,
    againAt: revoke
      ? now
      : earliest(
          tokenExpiresAt,
          fetchedBy === null ? null : new Date(fetchedBy),
          new Date(now.getTime() + LOOK_WHILE_JOINING_MS),
        ),
  };
}

type SeenPlan = Pick<NodePlan, "mark" | "observed" | "edges" | "silentSince"> & {
  incidents: Incident[];
  againAt: Date | null;
};

function planNodeOfOurs(facts: NodeFacts, node: SeenNode | null, now: Date): SeenPlan {
  if (!node) return planAbsent(facts, now);
  if (facts.nodeUid !== null && facts.nodeUid !== node.uid) return planStranger(facts, node, now);
  const draining = facts.drain === "none" ? "open" : "draining";
  const marks = marksOf({ ...facts, lastHeartbeatAt: facts.lastSeenAt ?? node.heartbeatAt }, draining);
  const marked = node.taint === marks.taint;
  const silent = silence(facts.presence, node, now);
  const edges: PresenceEvent[] = [];
  if (marked && node.readiness === "ready") {
    if (facts.presence === "unseen") edges.push("fullReport");
    if (facts.presence !== "online") edges.push("cleanReport");
  } else if (marked && facts.presence === "unseen") edges.push("fullReport");
  else if (silent.over) edges.push("silent");
  const capacity = capacityOf(facts, node, now);
  return {
    mark: lacks(node, marks) ? { uid: node.uid, marks } : null,
    observed: observedOf(node),
    edges,
    silentSince: silent.since,
    incidents: capacity.incidents,
    againAt: earliest(silent.dueAt, capacity.dueAt, new Date(now.getTime() + LOOK_EVERY_MS)),
  };
}

/** Gone is only what the API server says is not there; a cluster that does not answer says nothing. */
function planAbsent({ nodeUid, nodeName, presence }: NodeFacts, now: Date): SeenPlan {
  const gone = nodeUid !== null;
  const present = presence === "online" || presence === "joined";
  return {
    mark: null,
    observed: NOTHING_SEEN,
    edges: present ? ["silent"] : [],
    silentSince: present ? now : null,
    incidents: gone
      ? [
          {
            code: "node-gone",
            message: `${nodeName} was deleted from the cluster. It takes work again when its kubelet registers it again; otherwise ask for a new join command.`,
            data: { uid: nodeUid },
          },
        ]
      : [],
    againAt: null,
  };
}

/** Another machine, or the same one registered anew before anybody saw it go: an operator decides. */
function planStranger({ nodeUid, nodeName, presence }: NodeFacts, node: SeenNode, now: Date): SeenPlan {
  const marks: Marks = { ...stripped("stranger") };
  const present = presence === "online" || presence === "joined";
  return {
    mark: lacks(node, marks) ? { uid: node.uid, marks } : null,
    observed: { ...NOTHING_SEEN, nodeUid },
    edges: present ? ["silent"] : [],
    silentSince: present ? now : null,
    incidents: [
      {
        code: "node-stranger",
        message: `Another Node appeared under the name ${nodeName}. It was cordoned and gets no work. If it is the same machine, delete the Node and restart its kubelet.`,
        data: { uid: node.uid },
      },
    ],
    againAt: new Date(now.getTime() + LOOK_EVERY_MS),
  };
}

/** The node of a machine that may not take part: it takes no pods, and carries nothing of ours any more. */
function planOutsider(facts: NodeFacts, node: SeenNode | null, now: Date): SeenPlan {
  const { admission, nodeUid, presence } = facts;
  const nothing = { mark: null, observed: null, edges: [], silentSince: null, incidents: [], againAt: null };
  if (admission !== "suspended" && admission !== "removed") return nothing;
  if (!node) {
    const edges: PresenceEvent[] = admission === "suspended" && presence === "online" ? ["silent"] : [];
    return { ...nothing, observed: NOTHING_SEEN, edges, silentSince: edges.length > 0 ? now : null };
  }
  const marks = stripped(admission);
  const known = nodeUid === null || nodeUid === node.uid;
  const silent = silence(presence, node, now);
  return {
    ...nothing,
    mark: lacks(node, marks) ? { uid: node.uid, marks } : null,
    observed: known ? observedOf(node) : { ...NOTHING_SEEN, nodeUid },
    edges: admission === "suspended" && silent.over ? ["silent"] : [],
    silentSince: silent.since,
    againAt: admission === "suspended" ? earliest(silent.dueAt, new Date(now.getTime() + LOOK_EVERY_MS)) : null,
  };
}

/**
 * How long a node has been out of reach. A kubelet that says itself that it is not ready is heard: it is offline after
 * two minutes of that once it has been ready, while a fresh node may take its time.
 */
function silence(presence: Presence, node: SeenNode, now: Date) {
  const quiet = { over: false, since: null, dueAt: null };
  if (node.readiness === "ready" || (presence !== "online" && presence !== "joined")) return quiet;
  if (node.readiness === "notReady" && presence === "joined") return quiet;
  const turned = (node.readySince ?? now).getTime();
  const since = node.readiness === "silent" ? turned - CLUSTER_GRACE_MS : turned;
  const dueAt = new Date(since + OFFLINE_AFTER_MS);
  const over = dueAt <= now;
  return { over, since: new Date(since), dueAt: over ? null : dueAt };
}

/** What the cluster offers against what the machine says it has. */
function capacityOf({ declaredGpus, nodeName }: NodeFacts, node: SeenNode, now: Date) {
  const allocatable = node.allocatableGpus ?? 0;
  const data = { declared: declaredGpus, allocatable };
  if (node.readiness !== "ready") return { incidents: [], dueAt: null };
  if (allocatable === declaredGpus) {
    const message = `${nodeName} offers all ${declaredGpus} GPUs of its machine again.`;
    return { incidents: [{ code: "capacity-restored" as const, message, data }], dueAt: null };
  }
  const counts = new Date((node.readySince ?? now).getTime() + CAPACITY_SETTLE_MS);
  if (counts > now) return { incidents: [], dueAt: counts };
  const message = `The cluster offers ${allocatable} GPUs of ${nodeName}, its machine says it has ${declaredGpus}. The smaller number is sold. Look at the device plugin and the driver.`;
  return { incidents: [{ code: "capacity-mismatch" as const, message, data }], dueAt: null };
}

function observedOf(node: SeenNode): NodeObserved {
  return {
    nodeUid: node.uid,
    ready: node.readiness === "ready",
    readySince: node.readySince,
    allocatableGpus: node.allocatableGpus ?? 0,
    allocatableCpu: node.allocatableCpu,
    allocatableMemoryMb: node.allocatableMemoryMb,
    kubeletVersion: node.kubeletVersion,
  };
}

function earliest(...times: readonly (Date | null)[]): Date | null {
  return times.reduce<Date | null>((min, at) => (at && (!min || at < min) ? at : min), null);
}
