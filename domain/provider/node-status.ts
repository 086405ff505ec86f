// A provider as the seed's clients know it: three words for what has ten here.
import type { ProviderStatus } from "./state.ts";

export const NODE_STATUSES = ["online", "busy", "offline"] as const;
export type NodeStatus = (typeof NODE_STATUSES)[number];

/**
 * `busy` is whoever has an execution and is there, drained or not. What takes no work and has none is offline to those
 * who only know these three.
 */
export function nodeStatus(status: ProviderStatus, executions: number): NodeStatus {
  if (status === "available") return executions > 0 ? "busy" : "online";
  return (status === "draining" || status === "quarantined") && executions > 0 ? "busy" : "offline";
}

/** What is known of a node's results; a quarantined one is nothing else. */
export const STANDINGS = ["proven", "newcomer", "quarantined"] as const;
export type Standing = (typeof STANDINGS)[number];

/** Names go from A to Z, all else from most to least; nodes that are alike come newest first. */
export const NODE_SORTS = ["verified", "reputation", "success", "jobs", "name", "newest"] as const;
export type NodeSort = (typeof NODE_SORTS)[number];
