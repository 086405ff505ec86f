"use server";
// What a browser is not told when its WebSocket is refused.
import { isAppError } from "../../../../domain/errors.ts";
import { TerminalParams } from "../../../../protocol/terminal.ts";
import { reachJob } from "../../../../server/usecases/job/whereabouts.ts";
import { deps, requirePrincipal } from "../../../context.ts";
import { read } from "../../../refusals.ts";

/** @returns why a terminal would be refused now; null where another attempt may help */
export async function terminalRefusal(jobId: string): Promise<string | null> {
  try {
    await reachJob(deps(), await requirePrincipal(), read(TerminalParams, { id: jobId }).id);
    return null;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.code === "unavailable" ? null : error.detail;
  }
}
