// One watcher at a time over all replicas: whoever holds an advisory lock, on a session that PostgreSQL itself ends when
// its holder falls silent. A holder that was killed, frozen or cut off loses the lock within seconds.
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import type { Log } from "../../../deps.ts";

/** Any number that nobody else locks in this database. */
const LOCK = 7_206_104_951;
const TRY_EVERY_MS = 2_000;
/** Three missed signs of life. */
const SESSION_ENDS_AFTER_MS = 6_500;

export interface FenceOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  readonly tryEveryMs?: number;
}

/**
 * Runs `work` while this process holds the lock, again and again, until the signal fires. Work is told to stop when the
 * lock may be lost.
 */
export async function fenced(
  { databaseUrl, log, tryEveryMs = TRY_EVERY_MS }: FenceOptions,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const held = new AbortController();
    const lost = () => held.abort();
    signal.addEventListener("abort", lost, { once: true });
    const session = postgres(databaseUrl, {
      max: 1,
      onnotice: () => {},
      onclose: lost,
      connect_timeout: 5,
      connection: { application_name: "berth-watcher", idle_session_timeout: SESSION_ENDS_AFTER_MS },
    });
    try {
      while (!held.signal.aborted && !(await tryLock(session)))
        await delay(tryEveryMs, undefined, { signal: held.signal }).catch(() => {});
      if (!held.signal.aborted) await holdWhile(session, tryEveryMs, held, work);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "the watcher's session broke; another worker may take over");
    } finally {
      held.abort();
      signal.removeEventListener("abort", lost);
      await session.end({ timeout: 1 }).catch(() => {});
    }
    await delay(tryEveryMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
  }
}

async function tryLock(session: postgres.Sql): Promise<boolean> {
  const [row] = await withinPatience(session<{ got: boolean }[]>`select pg_try_advisory_lock(${LOCK}) as got`);
  return row?.got ?? false;
}

/** Works, and shows that it lives; whichever ends first ends both. */
async function holdWhile(
  session: postgres.Sql,
  everyMs: number,
  held: AbortController,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const working = work(held.signal).finally(() => held.abort());
  try {
    while (!held.signal.aborted) {
      await delay(everyMs, undefined, { signal: held.signal }).catch(() => {});
      if (!held.signal.aborted && !(await stillHolds(session))) break;
    }
  } finally {
    held.abort();
    await working;
  }
}

/** postgres.js opens a new session by itself where the old one broke: that one holds nothing. */
async function stillHolds(session: postgres.Sql): Promise<boolean> {
  const [row] = await withinPatience(
    session<{ holds: boolean }[]>`select exists (select 1 from pg_locks where locktype = 'advisory'
      and pid = pg_backend_pid() and granted and classid = ${Math.floor(LOCK / 2 ** 32)}
      and objid = ${LOCK % 2 ** 32}) as holds`,
  );
  return row?.holds ?? false;
}

function withinPatience<T>(asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the database did not answer in time")), 4_000);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
