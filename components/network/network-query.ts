// The address bar of the network page: which nodes are shown, and in which order.
import {
  NODE_SORTS,
  NODE_STATUSES,
  type NodeSort,
  type NodeStatus,
  STANDINGS,
  type Standing,
} from "../../domain/provider/node-status.ts";
import { RUNTIMES, type Runtime } from "../../domain/provider/state.ts";

export const SORT_WORDS: Readonly<Record<NodeSort, string>> = {
  verified: "most evidence",
  reputation: "reputation",
  success: "success rate",
  jobs: "jobs run",
  name: "name",
  newest: "newest",
};

/** As an address has it: "" is whichever it is. */
export interface NodeQuery {
  readonly status: NodeStatus | "";
  readonly standing: Standing | "";
  readonly runtime: Runtime | "";
  readonly gpu: "1" | "";
  readonly region: string;
  readonly search: string;
  readonly sort: NodeSort;
}

const USUAL: NodeQuery = {
  ...{ status: "", standing: "", runtime: "", gpu: "", region: "", search: "" },
  sort: "verified",
};

type Params = Readonly<Record<string, string | string[] | undefined>>;

/** What makes no sense is left out. */
export function readNodeQuery(params: Params): NodeQuery {
  const one = (name: keyof NodeQuery, most: number) => {
    const value = params[name];
    const text = (Array.isArray(value) ? value[0] : value)?.trim() ?? "";
    return text.length > most || /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text) ? "" : text;
  };
  const among = <T extends string>(values: readonly T[], name: keyof NodeQuery) =>
    values.find((value) => value === one(name, 32));
  return {
    status: among(NODE_STATUSES, "status") ?? "",
    standing: among(STANDINGS, "standing") ?? "",
    runtime: among(RUNTIMES, "runtime") ?? "",
    gpu: among(["1"], "gpu") ?? "",
    region: one("region", 32),
    search: one("search", 80),
    sort: among(NODE_SORTS, "sort") ?? USUAL.sort,
  };
}

/** The parts of an address that are not as usual. */
export function writtenQuery(query: NodeQuery): [name: string, value: string][] {
  return Object.entries(query).filter(([name, value]) => value !== Reflect.get(USUAL, name));
}

/** The network with some parts changed, from its first page on; or at a place of the list. */
export function networkHref(query: NodeQuery, change: Partial<NodeQuery>, cursor: string | null = null): string {
  const next = new URLSearchParams(writtenQuery({ ...query, ...change }));
  if (cursor) next.set("cursor", cursor);
  const text = next.toString();
  return text ? `/network?${text}` : "/network";
}

/** As the list is asked: what is not told is whichever it is. */
export function nodeFilters({ status, standing, runtime, gpu, region, search }: NodeQuery) {
  return {
    ...{ status: status || undefined, standing: standing || undefined, runtime: runtime || undefined },
    ...{ gpu: gpu === "1" ? true : undefined, region: region || undefined, search: search || undefined },
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
