// What the agent needs from whatever runs executions on this machine. Every method is safe to call twice.
import type { AnySpec, EndCause } from "../../domain/execution/spec.ts";
import type { ExecutionId } from "../../domain/ids.ts";
import type { ExecutionReport } from "../../protocol/agent.ts";

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
   * Starts what is missing; of one that exists a new deadline, keys and variables are taken over. Never runs an id twice.
   * @param brokerAheadMs what to take off the deadline to have it in this machine's clock of this moment
   */
  apply(spec: AnySpec, brokerAheadMs: number): Promise<void>;
  /** Stops and forgets. Until the last process is gone the execution stays in `list`. */
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
  /** Stops watching. What runs keeps running. */
  close(): void;
}
