// How long executions wait for what they wait for, as this process sees it: times of the cluster are other clocks'.
import type { EndCause } from "../../../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../../../domain/ids.ts";

/** Something that an execution may wait for, but not for ever. */
export interface Wait {
  /** what it ends of, where it waits too long */
  readonly cause: EndCause;
  readonly detail: string;
  readonly atMostMs: number;
}

/**
 * A worker that starts anew waits anew: late, never early. Should workers die too often for any wait to end, the start's
 * own limit ends it, which is counted from the row.
 * @param elapsedMs a clock that nobody sets
 */
export function knownWaits(elapsedMs: () => number) {
  const since = new Map<ExecutionId, { readonly cause: EndCause; readonly ms: number }>();
  return {
    /** Notes what it waits for now; null: for nothing. @returns whether that took too long */
    isOver(id: ExecutionId, wait: Wait | null): boolean {
      if (!wait) {
        since.delete(id);
        return false;
      }
      const now = elapsedMs();
      const before = since.get(id);
      const ms = before?.cause === wait.cause ? before.ms : now;
      since.set(id, { cause: wait.cause, ms });
      return now - ms >= wait.atMostMs;
    },
    forgetAllBut(ids: ReadonlySet<ExecutionId>): void {
      for (const id of since.keys()) if (!ids.has(id)) since.delete(id);
    },
  };
}
