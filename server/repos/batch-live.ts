// Executions of batch jobs that live on machines.
import { asc, eq, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import { batchExecutions } from "../../drizzle/schema/batch.ts";
import type { Db, Tx } from "../deps.ts";

/** As the index of those that live says it, so that it answers. */
export const batchLives = sql`${batchExecutions.status} in ('scheduled','running')`;

/** Where the provider is locked nothing can be added; what lives may end at any time. By id. */
export function batchLiveOn(db: Db | Tx, providerId: ProviderId) {
  return db
    .select({ id: batchExecutions.id, jobId: batchExecutions.jobId, deadlineAt: batchExecutions.deadlineAt })
    .from(batchExecutions)
    .where(sql`${eq(batchExecutions.providerId, providerId)} and ${batchLives}`)
    .orderBy(asc(batchExecutions.id));
}
