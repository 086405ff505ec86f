// Wakes over one LISTEN connection: NOTIFY berth, '<topic>' wakes whoever waits for that topic in this process.
import postgres from "postgres";
import type { Log, Wakes } from "../../deps.ts";

const CHANNEL = "berth";

export interface PostgresWakes extends Wakes {
  close(): Promise<void>;
}

/**
 * Resolves once it listens. When the connection was lost, everybody is woken as soon as it is back, since nobody
 * knows what was missed.
 */
export async function postgresWakes(databaseUrl: string, log: Log): Promise<PostgresWakes> {
  const sleepers = new Map<string, Set<() => void>>();
  const sql = postgres(databaseUrl, {
    max: 1,
    onnotice: () => {},
    backoff: () => 0.5, // seconds; its own rule grows to 20 and everybody would oversleep
    connection: { application_name: "berth-wakes" },
  });

  function wake(topic: string) {
    for (const onWake of [...(sleepers.get(topic) ?? [])]) {
      try {
        onWake();
      } catch (error) {
        log.error({ topic, error }, "a sleeper failed to wake");
      }
    }
  }

  function subscribe(topic: string, onWake: () => void): () => void {
    const call = () => onWake(); // its own identity: the same function may subscribe twice
    const set = sleepers.get(topic) ?? new Set();
    set.add(call);
    sleepers.set(topic, set);
    return () => {
      set.delete(call);
      if (set.size === 0 && sleepers.get(topic) === set) sleepers.delete(topic);
    };
  }

  let listenedBefore = false;
  await sql.listen(CHANNEL, wake, () => {
    if (listenedBefore) {
      log.warn({ topics: sleepers.size }, "the wakes were lost for a while: everybody looks again");
      for (const topic of [...sleepers.keys()]) wake(topic);
    }
    listenedBefore = true;
  });

  return {
    subscribe,
    wait(topic, ms, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          unsubscribe();
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const unsubscribe = subscribe(topic, done);
        const timer = setTimeout(done, ms);
        signal?.addEventListener("abort", done, { once: true });
      });
    },
    close: () => sql.end({ timeout: 5 }),
  };
}
