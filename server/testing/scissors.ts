// Connections that are cut in the middle of a use case, by PostgreSQL itself, as by an operator or a restart.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { Db } from "../deps.ts";

/** As the driver says it, as PostgreSQL does, and as the socket does to whoever reads or writes after that. */
const LOST = new Set(["CONNECTION_CLOSED", "57P01", "ECONNRESET", "EPIPE"]);

export type Scissors = ReturnType<typeof openScissors>;

export function openScissors(url: string) {
  const name = "berth-cut";
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  let left = 0;
  let cutting: PromiseLike<unknown> = Promise.resolve();
  const victim = postgres(url, {
    ...{ max: 4, onnotice: () => {}, backoff: () => 0, connection: { application_name: name } },
    debug: () => {
      left -= 1;
      if (left !== 0) return;
      cutting = admin`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = ${name} and datname = current_database()`.then(() => {});
    },
  });
  return {
    /**
     * Runs it, and has its connections ended as its nth statement is sent: that one, or one of the next, is the last.
     * @returns whether it failed for that; not where it had come to its end before
     */
    async cut(nth: number, work: (db: Db) => Promise<unknown>): Promise<boolean> {
      left = nth;
      try {
        await work(drizzle(victim));
        return false;
      } catch (error) {
        if (!isLost(error)) throw error;
        return true;
      } finally {
        left = 0;
        await cutting;
      }
    },
    async close() {
      await victim.end({ timeout: 1 });
      await admin.end({ timeout: 1 });
    },
  };
}

function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("code" in error && LOST.has(String(error.code))) || isLost(error.cause);
}
