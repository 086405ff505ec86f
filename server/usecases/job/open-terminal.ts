// A shell in a running job, for its owner's browser.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { Deps, Session, TerminalSize } from "../../deps.ts";

/** @throws AppError `not-found`, `conflict` where it does not run, `unavailable` */
export async function openTerminal(
  _deps: Deps,
  _owner: Principal,
  _id: JobId,
  _size: TerminalSize,
  _signal: AbortSignal,
): Promise<Session> {
  throw new Error("UNBUILT");
}
