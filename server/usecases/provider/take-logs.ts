// What an agent sends of an execution's log; only the execution's own provider is believed about it. Sent again it
// changes nothing, since each part says where it belongs: so its number, unlike a beat's, need not be the newest.
import { AppError } from "../../../domain/errors.ts";
import { isLive } from "../../../domain/execution/state.ts";
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import type { LogReport } from "../../../protocol/agent.ts";
import type { Deps } from "../../deps.ts";
import { loadExecution } from "../../repos/executions.ts";
import { logStore } from "../../repos/logs.ts";

/** How long after its end an execution may still have last words. */
const LAST_WORDS_MS = 10 * 60_000;
/** No log is longer: offsets stay numbers that can be counted on. */
const LONGEST = 2 ** 50;

/** @throws AppError `not-found` where it is not this provider's, `conflict` once it is over and settled a while */
export async function takeLogs(
  { db, clock }: Pick<Deps, "db" | "clock">,
  provider: ProviderId,
  id: ExecutionId,
  { offset, text }: Pick<LogReport, "offset" | "text">,
): Promise<{ next_offset: number }> {
  const now = clock.now();
  const row = await loadExecution(db, id);
  if (row?.execution.providerId !== provider) throw new AppError("not-found", "this machine has no such execution");
  const { status, endedAt } = row.execution;
  if (!isLive(status) && (!endedAt || now.getTime() - endedAt.getTime() > LAST_WORDS_MS))
    throw new AppError("conflict", "the execution is over, and its log with it");
  if (offset > LONGEST)
    throw new AppError("bad-request", "no log is that long", { fields: [{ field: "offset", message: "too large" }] });
  return { next_offset: await logStore(db).append(id, offset, text, now) };
}
