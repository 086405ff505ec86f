// The database's time, without asking it each time: an offset from this machine's monotonic clock, measured anew.
import type postgres from "postgres";
import type { Clock } from "../../deps.ts";

/** A correction backwards up to this size is waited out, so that time does not run back; a larger one is believed. */
const PATIENCE_MS = 1_000;
const SAMPLES = 3;

export interface DatabaseClock extends Clock {
  close(): void;
}

/**
 * Measures once before it resolves, then every `everyMs`. A measurement that fails leaves the last one in place.
 * @throws when the database cannot be asked the first time
 */
export async function databaseClock(sql: postgres.Sql, { everyMs = 30_000 } = {}): Promise<DatabaseClock> {
  let offsetMs = await measureOffsetMs(sql);
  let lastMs = 0;
  let closed = false;
  let timer = setTimeout(again, everyMs).unref();

  async function again() {
    offsetMs = await measureOffsetMs(sql).catch(() => offsetMs);
    if (!closed) timer = setTimeout(again, everyMs).unref();
  }

  return {
    now() {
      const ms = performance.now() + offsetMs;
      if (ms > lastMs || ms < lastMs - PATIENCE_MS) lastMs = ms;
      return new Date(lastMs);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** Milliseconds to add to `performance.now()`; of a few samples the one with the shortest round trip. */
async function measureOffsetMs(sql: postgres.Sql): Promise<number> {
  let best = { offsetMs: 0, roundTripMs: Number.POSITIVE_INFINITY };
  for (let sample = 0; sample < SAMPLES; sample++) {
    const sentMs = performance.now();
    const [row] = await sql<[{ ms: number }]>`select extract(epoch from clock_timestamp())::float8 * 1000 as ms`;
    const roundTripMs = performance.now() - sentMs;
    if (roundTripMs < best.roundTripMs) best = { offsetMs: row.ms - (sentMs + roundTripMs / 2), roundTripMs };
  }
  return best.offsetMs;
}
