// The address bar of the network page: which nodes are shown, in which order, and which page of them.
import { NODE_STATUSES, type NodeStatus } from "../../domain/provider/node-status.ts";
import type { NetworkNodeView } from "../../protocol/node-views.ts";

export const NODE_SORTS = ["verified", "reputation", "success", "jobs", "name", "newest"] as const;
export type NodeSort = (typeof NODE_SORTS)[number];

export const SORT_WORDS: Readonly<Record<NodeSort, string>> = {
  verified: "most evidence",
  reputation: "reputation",
  success: "success rate",
  jobs: "jobs run",
  name: "name",
  newest: "newest",
};

export const STANDINGS = ["proven", "newcomer", "quarantined"] as const;
export type Standing = (typeof STANDINGS)[number];

export interface NodeQuery {
  readonly status: NodeStatus | null;
  readonly standing: Standing | null;
  readonly gpu: boolean;
  readonly region: string | null;
  readonly sort: NodeSort;
  /** 1 for the first */
  readonly page: number;
}

export const NODES_A_PAGE = 25;

type Params = Readonly<Record<string, string | string[] | undefined>>;

/** What makes no sense is left out. */
export function readNodeQuery(params: Params): NodeQuery {
  const one = (name: string) => {
    const value = params[name];
    return (Array.isArray(value) ? value[0] : value)?.trim() ?? "";
  };
  const page = one("page");
  return {
    status: NODE_STATUSES.find((each) => each === one("status")) ?? null,
    standing: STANDINGS.find((each) => each === one("standing")) ?? null,
    gpu: one("gpu") === "1",
    region: one("region") || null,
    sort: NODE_SORTS.find((each) => each === one("sort")) ?? "verified",
    page: /^[1-9]\d{0,3}$/.test(page) ? Number(page) : 1,
  };
}

/** The network with some parts changed. Any change but of the page begins at the first again. */
export function networkHref(query: NodeQuery, change: Partial<NodeQuery>): string {
  const { status, standing, gpu, region, sort, page } = { ...query, page: 1, ...change };
  const next = new URLSearchParams();
  if (status) next.set("status", status);
  if (standing) next.set("standing", standing);
  if (gpu) next.set("gpu", "1");
  if (region) next.set("region", region);
  if (sort !== "verified") next.set("sort", sort);
  if (page > 1) next.set("page", String(page));
  const text = next.toString();
  return text ? `/network?${text}` : "/network";
}

export function standingOf({ evidence }: Pick<NetworkNodeView, "evidence">): Standing {
  if (evidence.quarantined) return "quarantined";
  return evidence.proven ? "proven" : "newcomer";
}

function fits(node: NetworkNodeView, { status, standing, gpu, region }: NodeQuery): boolean {
  if (status && node.status !== status) return false;
  if (standing && standingOf(node) !== standing) return false;
  if (gpu && !node.gpu_enabled) return false;
  return !region || node.region === region;
}

const ORDERS: Readonly<Record<NodeSort, (a: NetworkNodeView, b: NetworkNodeView) => number>> = {
  verified: (a, b) => b.evidence.verified - a.evidence.verified,
  reputation: (a, b) => b.reputation_score - a.reputation_score,
  success: (a, b) => (b.success_rate ?? -1) - (a.success_rate ?? -1),
  jobs: (a, b) => b.total_jobs_run - a.total_jobs_run,
  name: () => 0,
  newest: (a, b) => Date.parse(b.registered_at) - Date.parse(a.registered_at),
};

export interface ShownNodes {
  readonly nodes: readonly NetworkNodeView[];
  readonly found: number;
  readonly pages: number;
}

/** Ties go by name, then by id, so that a page is the same page when it is read again. */
export function shownNodes(all: readonly NetworkNodeView[], query: NodeQuery): ShownNodes {
  const order = ORDERS[query.sort];
  const found = all
    .filter((node) => fits(node, query))
    .sort((a, b) => order(a, b) || a.name.localeCompare(b.name, "en") || (a.provider_id < b.provider_id ? -1 : 1));
  const from = (query.page - 1) * NODES_A_PAGE;
  return {
    nodes: found.slice(from, from + NODES_A_PAGE),
    found: found.length,
    pages: Math.ceil(found.length / NODES_A_PAGE),
  };
}

/** A share as percent, never rounded up to a promise. */
export function share(fraction: number): string {
  return fraction >= 1 ? "100 %" : `${(Math.floor(fraction * 1000) / 10).toFixed(1)} %`;
}

/** Decayed counts are no whole numbers: a figure after the point while they are small. */
export function decayedCount(count: number): string {
  return count < 10 ? count.toFixed(1) : String(Math.round(count));
}
