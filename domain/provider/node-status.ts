// A provider as the seed's clients know it: three words for what has nine here.
import type { ProviderStatus } from "./state.ts";

export const NODE_STATUSES = ["online", "busy", "offline"] as const;
export type NodeStatus = (typeof NODE_STATUSES)[number];

/**
 * `busy` is whoever has an execution and is there, drained or not. What takes no work and has none is offline to those
 * who only know these three.
 */
export function nodeStatus(status: ProviderStatus, executions: number): NodeStatus {
  if (status === "available") return executions > 0 ? "busy" : "online";
  return status === "draining" && executions > 0 ? "busy" : "offline";
}
