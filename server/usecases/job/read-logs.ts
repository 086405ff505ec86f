// What a job wrote: from inside while it runs, from what was kept afterwards.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { LogsView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

export interface LogsAsked {
  readonly tailLines: number | null;
  readonly signal: AbortSignal;
}

/** @throws AppError `not-found` */
export async function readLogs(_deps: Deps, _owner: Principal, _id: JobId, _asked: LogsAsked): Promise<LogsView> {
  throw new Error("UNBUILT");
}

/** The same, and what comes, until it ends or the signal fires. @throws AppError `not-found` at once */
export async function followLogs(
  _deps: Deps,
  _owner: Principal,
  _id: JobId,
  _asked: LogsAsked,
): Promise<AsyncIterable<string>> {
  throw new Error("UNBUILT");
}
