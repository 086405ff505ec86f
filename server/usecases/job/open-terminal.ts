// A login shell in a running job, for its owner; and whether it may go on.

import type { JobId } from "../../../domain/ids.ts";
import { REASONS } from "../../../domain/job/reasons.ts";
import type { TerminalErrorCode } from "../../../protocol/terminal.ts";
import type { Deps, Session, TerminalSize } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { findJob } from "../../repos/jobs.ts";
import { authenticate } from "../account/authenticate.ts";
import type { Reached } from "./whereabouts.ts";

/** bash where the image has it, at home where there is one; not every runtime names the terminal. */
const LOGIN_SHELL = [
  "/bin/sh",
  "-c",
  'export TERM=xterm-256color; cd 2>/dev/null || cd /; exec "$(command -v bash || command -v sh)" -l',
] as const;

/** @throws AppError `conflict`, `unavailable` */
export async function openTerminal(
  { db, clock }: Pick<Deps, "db" | "clock">,
  { row, at, inside }: Reached,
  terminal: TerminalSize,
  signal: AbortSignal,
): Promise<Session> {
  const session = await inside.exec(at, LOGIN_SHELL, { terminal, signal });
  try {
    const opened = { subject: row.job.id, code: "terminal-opened", message: "A terminal was opened.", at: clock.now() };
    await db.transaction((tx) => recordEvent(tx, opened));
  } catch (error) {
    session.close(); // what cannot be told of is not open
    throw error;
  }
  return session;
}

export interface TerminalEnd {
  readonly code: TerminalErrorCode;
  readonly detail: string;
}

/**
 * Why a terminal must end now, although its shell still runs.
 * @param token what the account opened it with; null for the anonymous one
 * @returns null where it may go on
 */
export async function terminalEnd(
  deps: Pick<Deps, "db" | "clock">,
  { account, token }: { readonly account: string; readonly token: string | null },
  id: JobId,
): Promise<TerminalEnd | null> {
  if (token !== null && !(await authenticate(deps, token)))
    return { code: "unauthenticated", detail: "The login is over. Log in again." };
  const row = await findJob(deps.db, account, id);
  const { status, reason, stopReason } = row?.execution ?? { status: "lost", reason: null, stopReason: null };
  if (status === "running" || status === "unreachable") return null;
  const why = row?.job.reason ?? reason ?? stopReason;
  return { code: "job-ended", detail: why ? `The job ended. ${REASONS[why].sentence}` : "The job ended." };
}
