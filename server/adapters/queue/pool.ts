// One pg.Pool per process and database for everything BullMQ does; each of its classes would open its own otherwise.
import { isPgPool, type PgPool } from "bullmq";
import pg from "pg";

/** BullMQ's own schema. A ready-made pool cannot be told of it, so its connections carry it as their search path. */
const SCHEMA = "bullmq";

interface Shared {
  readonly pool: PgPool;
  holders: number;
}

const pools = new Map<string, Shared>();

export interface HeldPool {
  readonly pool: PgPool;
  /** Gives it back; the last holder closes it. */
  release(): Promise<void>;
}

/** The process's pool for this database; made for the first holder. */
export function holdPool(databaseUrl: string): HeldPool {
  const shared = pools.get(databaseUrl) ?? { pool: openPool(databaseUrl), holders: 0 };
  shared.holders += 1;
  pools.set(databaseUrl, shared);
  let held = true;
  return {
    pool: shared.pool,
    release: async () => {
      if (!held) return;
      held = false;
      shared.holders -= 1;
      if (shared.holders > 0) return;
      pools.delete(databaseUrl);
      await shared.pool.end();
    },
  };
}

function openPool(connectionString: string): PgPool {
  const pool = new pg.Pool({
    connectionString,
    options: `-c search_path=${SCHEMA} -c synchronous_commit=off`, // a ring that a crash of PostgreSQL takes is a late one
    application_name: "berth-rings",
    max: 10, // one of them is the worker's LISTEN
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
    keepAlive: true,
  });
  // An idle connection that drops is replaced at the next query; without a listener it would end the process.
  pool.on("error", () => {});
  pool.setMaxListeners(0); // every BullMQ object listens for errors
  return asBullPool(pool);
}

/** The types of pg and BullMQ disagree about overloads; BullMQ's own guard settles it. */
function asBullPool(pool: unknown): PgPool {
  if (!isPgPool(pool)) throw new TypeError("BullMQ does not know this pool");
  return pool;
}
