// What probes ask the database.
import { gt, max, sql } from "drizzle-orm";
import { workers } from "../../drizzle/schema/event.ts";
import { executions } from "../../drizzle/schema/job.ts";
import type { Db } from "../deps.ts";

export async function countExecutions(db: Db): Promise<{ active: number; total: number; failed: number }> {
  const [counts] = await db
    .select({
      total: sql<number>`count(*)::int`,
      active: sql<number>`(count(*) filter (where ${executions.status} in ('scheduled','starting','running','unreachable','stopping')))::int`,
      failed: sql<number>`(count(*) filter (where ${executions.status} in ('failed','lost')))::int`,
    })
    .from(executions);
  return counts ?? { active: 0, total: 0, failed: 0 };
}

export async function lastWorkerSeenAt(db: Db): Promise<Date | null> {
  const [row] = await db.select({ seenAt: max(workers.seenAt) }).from(workers);
  return row?.seenAt ?? null;
}

export async function workersSeenSince(db: Db, since: Date): Promise<readonly string[]> {
  const rows = await db.select({ name: workers.name }).from(workers).where(gt(workers.seenAt, since));
  return rows.map(({ name }) => name);
}
