// How long executions wait for what they wait for, as this process sees it: times of the cluster are other clocks'.
import type { EndCause } from "../../../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../../../domain/ids.ts";

/** Something that an execution may wait for, but not for ever. */
export interface Wait {
  readonly on: "image" | "container" | "place" | "ssh" | "output";
  /** what it ends of, where it waits too long */
  readonly cause: EndCause;
  readonly detail: string;
  /** 0: what is known already is enough */
  readonly atMostMs: number;
}

/**
 * A worker that starts anew waits anew: late, never early. Should workers die too often for any wait to end, the start's
 * own limit ends it, which is counted from the row.
 *
 * What took too long stays so while the same is waited for. A kubelet says why a pull failed until its next look at the
 * pod, 10 to 15 seconds, and then as long only that it backs off: whoever heard the reason once need not hear it again.
 * @param elapsedMs a clock that nobody sets
 */
export function knownWaits(elapsedMs: () => number) {
  const known = new Map<
    ExecutionId,
    { readonly on: Wait["on"]; readonly sinceMs: number; readonly over: Wait | null }
  >();
  return {
    /** Notes what it waits for now; null: for nothing. @returns what took too long, as it was first said; null: nothing yet */
    over(id: ExecutionId, wait: Wait | null): Wait | null {
      if (!wait) {
        known.delete(id);
        return null;
      }
      const now = elapsedMs();
      const before = known.get(id);
      const same = before?.on === wait.on ? before : { sinceMs: now, over: null };
      const over = same.over ?? (now - same.sinceMs >= wait.atMostMs ? wait : null);
      known.set(id, { on: wait.on, sinceMs: same.sinceMs, over });
      return over;
    },
    forgetAllBut(ids: ReadonlySet<ExecutionId>): void {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    },
  };
}
