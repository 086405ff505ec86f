// What an agent sends of an execution's log; only the execution's own provider is believed about it.
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import type { LogReport } from "../../../protocol/agent.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found` where it is not this provider's, `conflict` once it is over and settled a while */
export async function takeLogs(
  _deps: Pick<Deps, "db" | "clock">,
  _provider: ProviderId,
  _execution: ExecutionId,
  _report: LogReport,
): Promise<{ next_offset: number }> {
  throw new Error("UNBUILT");
}
