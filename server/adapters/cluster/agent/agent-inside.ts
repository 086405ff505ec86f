// Reaching into what an agent runs: by SSH with the broker's own key, under the host key that the broker made. Logs are
// what the agent sent.
import type { Inside, Log, Wakes } from "../../../deps.ts";
import type { LogStore } from "../../../repos/logs.ts";

export interface AgentInsideOptions {
  readonly logs: LogStore;
  readonly wakes: Wakes;
  readonly log: Log;
  /** private addresses that may be dialled; public ones always may */
  readonly providerCidrs: readonly string[];
}

export interface AgentInside extends Inside {
  /** Hangs up everything. */
  close(): void;
}

export function agentInside(_options: AgentInsideOptions): AgentInside {
  const unbuilt = (): never => {
    throw new Error("UNBUILT");
  };
  return { logs: unbuilt, exec: unbuilt, connect: unbuilt, close: () => {} };
}
