// Who comes to a job's HTTP port: a ticket becomes a session of that job, and a session reaches its port.
import { AppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { Deps, Inside, Whereabouts } from "../../deps.ts";
import { accountOfPortSession, insertPortGrant, takePortTicket } from "../../repos/port-grants.ts";
import { hashToken, TOKEN_BYTES } from "../account/tokens.ts";
import { reachJob } from "./whereabouts.ts";

/** A session may end before: with its job. */
export const SESSION_SECONDS = 12 * 3600;

/** @returns the session's secret. @throws AppError `unauthenticated` where the ticket is used, over or another job's */
export async function enterPort(
  { db, clock, ids }: Pick<Deps, "db" | "clock" | "ids">,
  id: JobId,
  ticket: string,
): Promise<string> {
  const now = clock.now();
  const secret = ids.secret(TOKEN_BYTES);
  const expiresAt = new Date(now.getTime() + SESSION_SECONDS * 1000);
  const taken = await db.transaction(async (tx) => {
    if (!(await takePortTicket(tx, hashToken(ticket), id, now))) return false;
    await insertPortGrant(tx, { hash: hashToken(secret), kind: "session", jobId: id, expiresAt });
    return true;
  });
  if (!taken) throw new AppError("unauthenticated", "The link was used already, or is older than a minute.");
  return secret;
}

export interface ReachedPort {
  readonly at: Whereabouts;
  readonly port: number;
  readonly inside: Inside;
}

/**
 * @returns null where the session is none of this job's
 * @throws AppError `conflict` where the job does not run (any more), `unavailable`
 */
export async function reachPort(
  deps: Pick<Deps, "db" | "clock" | "inside" | "secrets">,
  id: JobId,
  session: string,
): Promise<ReachedPort | null> {
  const account = await accountOfPortSession(deps.db, hashToken(session), id, deps.clock.now());
  if (account === null) return null;
  const { row, at, inside } = await reachJob(deps, { account }, id);
  return row.job.httpPort === null ? null : { at, inside, port: row.job.httpPort };
}
