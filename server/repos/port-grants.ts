// Tickets and sessions of jobs' HTTP ports. Secrets are kept as their SHA-256 only.
import { and, eq, gt } from "drizzle-orm";
import type { JobId } from "../../domain/ids.ts";
import { jobs, portGrants } from "../../drizzle/schema/job.ts";
import type { Db, Tx } from "../deps.ts";

export async function insertPortGrant(tx: Db | Tx, grant: typeof portGrants.$inferInsert): Promise<void> {
  await tx.insert(portGrants).values(grant);
}

/** Uses a ticket up. @returns false where it is not this job's, over, or somebody was faster */
export async function takePortTicket(tx: Tx, hash: string, jobId: JobId, now: Date): Promise<boolean> {
  const taken = await tx
    .delete(portGrants)
    .where(
      and(
        eq(portGrants.hash, hash),
        eq(portGrants.kind, "ticket"),
        eq(portGrants.jobId, jobId),
        gt(portGrants.expiresAt, now),
      ),
    )
    .returning({ hash: portGrants.hash });
  return taken.length > 0;
}

/** Whose job it is that a session is good for; null where it is none of this job's, or over. */
export async function accountOfPortSession(db: Db, hash: string, jobId: JobId, now: Date): Promise<string | null> {
  const [row] = await db
    .select({ account: jobs.account })
    .from(portGrants)
    .innerJoin(jobs, eq(jobs.id, portGrants.jobId))
    .where(
      and(
        eq(portGrants.hash, hash),
        eq(portGrants.kind, "session"),
        eq(portGrants.jobId, jobId),
        gt(portGrants.expiresAt, now),
      ),
    );
  return row?.account ?? null;
}
