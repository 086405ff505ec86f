// Deleting what has served its time: used nonces, ended sessions and visits, old idempotency rows, workers long gone, usage
// of last week, logs of executions long over.
import { lt } from "drizzle-orm";
import { idempotency, nonces, sessions } from "../../drizzle/schema/account.ts";
import { workers } from "../../drizzle/schema/event.ts";
import { portGrants } from "../../drizzle/schema/job.ts";
import { enrolmentTokens, providerSamples } from "../../drizzle/schema/provider.ts";
import type { Db } from "../deps.ts";
import { deleteOldLogs } from "./logs.ts";

/** @param before each table's own limit: rows that ended before it go */
export async function deleteOldRows(
  db: Db,
  before: Readonly<Record<"nonces" | "sessions" | "portGrants" | "idempotency" | "workers" | "samples" | "logs", Date>>,
): Promise<void> {
  await db.delete(nonces).where(lt(nonces.expiresAt, before.nonces));
  await db.delete(sessions).where(lt(sessions.expiresAt, before.sessions));
  await db.delete(portGrants).where(lt(portGrants.expiresAt, before.portGrants));
  await db.delete(enrolmentTokens).where(lt(enrolmentTokens.expiresAt, before.sessions));
  await db.delete(idempotency).where(lt(idempotency.createdAt, before.idempotency));
  await db.delete(workers).where(lt(workers.seenAt, before.workers));
  await db.delete(providerSamples).where(lt(providerSamples.at, before.samples));
  await deleteOldLogs(db, before.logs);
}

export async function stampWorkerRow(db: Db, name: string, seenAt: Date): Promise<void> {
  await db.insert(workers).values({ name, seenAt }).onConflictDoUpdate({ target: workers.name, set: { seenAt } });
}
