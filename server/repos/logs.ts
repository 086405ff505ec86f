// What executions wrote: agents' parts as they come, and the end of what pods wrote.
import { and, asc, desc, eq, gte, inArray, lt, sql } from "drizzle-orm";
import { isLive } from "../../domain/execution/state.ts";
import type { ExecutionId } from "../../domain/ids.ts";
import { executionLogs, executions } from "../../drizzle/schema/job.ts";
import type { Db, Tx } from "../deps.ts";

/** Most that is kept of one execution, in characters, and in bytes too; the oldest parts go first. */
export const MOST_KEPT = 1024 * 1024;
const MOST_IN_PART = 64 * 1024;
/** A part grows to this before the next begins, so that many small ones do not make many rows. */
const GROWS_TO = 16 * 1024;
/** Gaps make parts too: no machine may make more of them than this. */
const MOST_PARTS = 512;

/** Wakes whoever follows the execution's log. */
export const logsTopic = (id: ExecutionId): string => `logs:${id}`;

export interface LogPart {
  readonly start: number;
  readonly text: string;
}

export type LogStore = ReturnType<typeof logStore>;

/** Wakes the topic `logs:<execution id>` for whoever follows. */
export function logStore(db: Db) {
  return {
    /** Appends from `offset` on: what is known is cut away, a gap is left. @returns the end, where the next part goes on */
    append(id: ExecutionId, offset: number, text: string, now: Date): Promise<number> {
      return db.transaction(async (tx) => {
        await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${logsTopic(id)}, 0))`);
        const last = await lastPart(tx, id);
        const end = last ? last.start + last.text.length : 0;
        const fresh = storable(text.slice(Math.max(0, end - offset)));
        if (fresh === "") return end;
        const start = Math.max(offset, end);
        if (last && start === end && last.text.length + fresh.length <= GROWS_TO) {
          await tx
            .update(executionLogs)
            .set({ text: last.text + fresh, at: now })
            .where(and(eq(executionLogs.executionId, id), eq(executionLogs.start, last.start)));
        } else {
          const parts = inParts(fresh).map((part) => ({
            executionId: id,
            start: start + part.at,
            text: part.text,
            at: now,
          }));
          await tx.insert(executionLogs).values(parts);
          await dropOldest(tx, id);
        }
        await tx.execute(sql`select pg_notify('berth', ${logsTopic(id)})`);
        return start + fresh.length;
      });
    },

    /** Parts that end after `from`, oldest first. */
    async read(id: ExecutionId, from: number, limit: number): Promise<LogPart[]> {
      const ofIt = eq(executionLogs.executionId, id);
      const reaching = sql`coalesce((select max(start) from execution_logs where execution_id = ${id} and start <= ${from}), 0)`;
      const parts = await db
        .select({ start: executionLogs.start, text: executionLogs.text })
        .from(executionLogs)
        .where(and(ofIt, gte(executionLogs.start, reaching)))
        .orderBy(asc(executionLogs.start))
        .limit(limit + 1);
      return parts.filter(({ start, text }) => start + text.length > from).slice(0, limit);
    },

    /** Whether it runs no more, or never was: nothing but its last words is still to come. */
    async ended(id: ExecutionId): Promise<boolean> {
      const [row] = await db.select({ status: executions.status }).from(executions).where(eq(executions.id, id));
      return !row || !isLive(row.status);
    },
  };
}

async function lastPart(tx: Db | Tx, id: ExecutionId): Promise<LogPart | undefined> {
  const [last] = await tx
    .select({ start: executionLogs.start, text: executionLogs.text })
    .from(executionLogs)
    .where(eq(executionLogs.executionId, id))
    .orderBy(desc(executionLogs.start))
    .limit(1);
  return last;
}

/** Where an execution's log ends; 0 where nothing was written. */
export async function logEnd(db: Db, id: ExecutionId): Promise<number> {
  const last = await lastPart(db, id);
  return last ? last.start + last.text.length : 0;
}

/** What no database takes becomes a sign of the same length. */
function storable(text: string): string {
  return text.replace(/[\0\p{Cs}]/gu, "\uFFFD");
}

/** No character of two halves is cut apart. */
function inParts(text: string): { readonly at: number; readonly text: string }[] {
  const parts: { at: number; text: string }[] = [];
  for (let at = 0; at < text.length; ) {
    const to = at + MOST_IN_PART;
    const end = /[\uD800-\uDBFF]/.test(text.charAt(to - 1)) && to < text.length ? to - 1 : to;
    parts.push({ at, text: text.slice(at, end) });
    at = end;
  }
  return parts;
}

/** Leaves room for a last part that still grows. A character is at least one byte, so bytes bound both. */
async function dropOldest(tx: Tx, id: ExecutionId): Promise<void> {
  await tx.execute(sql`
    delete from execution_logs where execution_id = ${id} and start in (
      select start from (
        select start, sum(octet_length(text)) over newest as bytes, row_number() over newest as parts
        from execution_logs where execution_id = ${id} window newest as (order by start desc)) kept
      where parts > ${MOST_PARTS} or (bytes > ${MOST_KEPT - MOST_IN_PART} and parts > 1))`);
}

/** Logs of executions that ended before a time. */
export async function deleteOldLogs(db: Db, before: Date): Promise<void> {
  const over = db.select({ id: executions.id }).from(executions).where(lt(executions.endedAt, before));
  await db.delete(executionLogs).where(inArray(executionLogs.executionId, over));
}
