// What the agent needs from whatever runs executions on this machine. Every method is safe to call twice.
import type { AnySpec, EndCause } from "../../domain/execution/spec.ts";
import type { ExecutionId } from "../../domain/ids.ts";
import type { ExecutionReport } from "../../protocol/agent.ts";
import type { FinishedRun } from "./finished-run.ts";

/** A part of what an execution wrote; `offset` is the place of its first character in the whole. */
export interface LogText {
  readonly offset: number;
  readonly text: string;
}

export interface Runtime {
  /** Whether isolation was proved at start. */
  readonly sandboxed: boolean;
  /** All that exists here now, ended ones until they are removed. */
  list(): ExecutionReport[];
  /**
   * Starts what is missing; of a rental that exists a new deadline, keys and variables are taken over. Never runs an id
   * twice. A batch execution that cannot be run here is listed as ended at once, its result says why.
   * @param brokerAheadMs what to take off the deadline to have it in this machine's clock of this moment
   */
  apply(spec: AnySpec, brokerAheadMs: number): Promise<void>;
  /**
   * Of a batch execution that is listed as ended: what is left of it, the same each time, over restarts too, until it is
   * removed. Null for anything else.
   */
  result(id: ExecutionId): Promise<FinishedRun | null>;
  /** Stops and forgets, its result too. Until the last process is gone the execution stays in `list`. */
  remove(id: ExecutionId): Promise<void>;
  /** Ends everything that runs and keeps the reason for the next start to report. */
  stopAll(cause: EndCause, detail: string): Promise<void>;
  /**
   * What an execution wrote from a place on, at most 65 536 characters; from the first that is left where the place is
   * gone. For a while also of those that were removed. Null where there is nothing more.
   */
  log(id: ExecutionId, offset: number): Promise<LogText | null>;
  /** Called whenever `list` would say something new. */
  onNews(listener: () => void): void;
  /** Called whenever a batch execution has its result. Those that had it before are in `list`. */
  onResult(listener: (id: ExecutionId) => void): void;
  /** Stops watching. What runs keeps running. */
  close(): void;
}
