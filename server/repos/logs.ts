// What executions wrote: agents' parts as they come, and the end of what pods wrote.
import type { ExecutionId } from "../../domain/ids.ts";
import type { Db } from "../deps.ts";

/** Most that is kept of one execution, in characters; the oldest parts go first. */
export const MOST_KEPT = 1024 * 1024;

export interface LogPart {
  readonly start: number;
  readonly text: string;
}

export type LogStore = ReturnType<typeof logStore>;

/** Wakes the topic `logs:<execution id>` for whoever follows. */
export function logStore(_db: Db) {
  return {
    /** Appends from `offset` on: what is known is cut away, a gap is left. @returns the end, where the next part goes on */
    append(_id: ExecutionId, _offset: number, _text: string, _now: Date): Promise<number> {
      throw new Error("UNBUILT");
    },
    /** Parts that end after `from`, oldest first. */
    read(_id: ExecutionId, _from: number, _limit: number): Promise<LogPart[]> {
      throw new Error("UNBUILT");
    },
  };
}
