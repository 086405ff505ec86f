// The doorbell: one BullMQ queue of named rings on its PostgreSQL backend. It carries ids; the row is the truth.
import { setTimeout as delay } from "node:timers/promises";
import { createPostgresBackend, type Job, type PgPool, runMigrations, withBackend } from "bullmq";
import pg from "pg";
import type { Log, Queue, RingName, Rings } from "../../deps.ts";
import { holdPool } from "./pool.ts";

const { Queue: BullQueue } = withBackend(createPostgresBackend);
const { Worker } = withBackend(createPatientBackend);

const QUEUE = "berth";
/** How long a use case waits for its ring at most. */
const RING_TIMEOUT_MS = 3_000;
/** A killed worker's rings are run again after at most LOCK_MS + STALLED_CHECK_MS. */
const LOCK_MS = 3_000;
const STALLED_CHECK_MS = 1_000;
/** BullMQ waits 15 s after a failed fetch unless told otherwise. */
const RETRY_MS = 500;

type RingJob = Job<Rings[RingName], void, RingName>;
type OpenQueue = ReturnType<typeof connect>;

function connect(pool: PgPool) {
  return new BullQueue<Rings[RingName], void, RingName>(QUEUE, {
    connection: pool,
    streams: { events: { maxLen: 256 } }, // nobody reads BullMQ's events
  });
}

export interface RingQueue extends Queue {
  /** Rings that wait and rings that run now. */
  counts(): Promise<{ readonly waiting: number; readonly active: number; readonly failed: number }>;
  close(): Promise<void>;
}

export interface QueueOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  /** A ring could not be put into the queue; the sweep makes up for it. */
  readonly onLost?: (name: RingName) => void;
}

/**
 * Opens the queue to ring into it. Neither opening nor ringing needs the database to be there: a ring that cannot
 * be left within three seconds is logged, counted and forgotten, for a lost ring is only a late one.
 */
export function openQueue({ databaseUrl, log, onLost }: QueueOptions): RingQueue {
  const held = holdPool(databaseUrl);
  let opened: Promise<OpenQueue> | undefined;

  // BullMQ remembers a failed first connection for ever, so a queue that did not get ready is thrown away.
  async function ready() {
    opened ??= (async () => {
      const queue = connect(held.pool);
      queue.on("error", (error) => log.warn({ error: error.message }, "the queue lost its database"));
      try {
        await queue.waitUntilReady();
        return queue;
      } catch (error) {
        opened = undefined;
        await queue.close();
        throw error;
      }
    })();
    return opened;
  }

  return {
    async ring(name, payload) {
      try {
        await within(
          RING_TIMEOUT_MS,
          (async () => {
            const queue = await ready();
            await queue.add(name, payload, {
              attempts: 1,
              deduplication: { id: ringId(name, payload), keepLastIfActive: true },
              removeOnComplete: true,
              removeOnFail: { count: 100 },
            });
          })(),
        );
      } catch (error) {
        onLost?.(name);
        log.warn({ ring: name, payload, error: messageOf(error) }, "a ring was lost; the sweep will make up for it");
      }
    },
    async counts() {
      const queue = await ready();
      const { waiting = 0, active = 0, failed = 0 } = await queue.getJobCounts("waiting", "active", "failed");
      return { waiting, active, failed };
    },
    async close() {
      const queue = await opened?.catch(() => undefined);
      await queue?.close();
      await held.release();
    },
  };
}

export interface RunOptions<D> {
  readonly databaseUrl: string;
  /** Rings that run at the same time in this process. */
  readonly concurrency: number;
  readonly deps: D;
  /** A line for every ring there is, or the build fails. */
  readonly processors: { readonly [N in RingName]: (deps: D, payload: Rings[N]) => Promise<void> };
  readonly log: Log;
  readonly onDone?: (name: RingName, seconds: number, outcome: "done" | "failed") => void;
}

/**
 * Answers rings until closed. A processor that throws is logged and never retried: the sweep is the retry.
 * Closing waits for the rings that run. A database that is away, even at the start, is waited for.
 */
export function runRings<D>(options: RunOptions<D>): { close(): Promise<void> } {
  const { databaseUrl, concurrency, deps, processors, log, onDone } = options;
  const held = holdPool(databaseUrl);

  async function answer<N extends RingName>(name: N, payload: Rings[N]): Promise<void> {
    await processors[name](deps, payload);
  }

  async function process(job: RingJob): Promise<void> {
    const startedAtMs = performance.now();
    const seconds = () => (performance.now() - startedAtMs) / 1000;
    try {
      await answer(job.name, job.data);
      onDone?.(job.name, seconds(), "done");
    } catch (error) {
      onDone?.(job.name, seconds(), "failed");
      log.error({ ring: job.name, payload: job.data, err: error }, "a ring failed; the sweep is its retry");
      throw error;
    }
  }

  function connectWorker() {
    const worker = new Worker<Rings[RingName], void, RingName>(QUEUE, process, {
      connection: held.pool,
      autorun: false,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: 1_000_000, // a ring that outlived its worker is safe to answer again
      runRetryDelay: RETRY_MS,
    });
    worker.on("error", (error) => log.warn({ error: messageOf(error) }, "the rings lost their database"));
    worker.on("stalled", (id) => log.warn({ job: id }, "a ring outlived its worker and is answered again"));
    return worker;
  }

  // A BullMQ worker whose first connection failed stays broken and spins without a pause: run only one that is ready.
  const closing = new AbortController();
  async function untilReady() {
    while (!closing.signal.aborted) {
      const worker = connectWorker();
      try {
        await worker.waitUntilReady();
        worker.run().catch((error: unknown) => log.error({ error }, "the rings stopped"));
        return worker;
      } catch (error) {
        log.warn({ error: messageOf(error) }, "the rings wait for their database");
        await worker.close();
        await delay(RETRY_MS, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
    return undefined;
  }
  const started = untilReady();

  return {
    async close() {
      closing.abort();
      await (await started)?.close();
      await held.release();
    },
  };
}

/**
 * BullMQ's backend, but a fetch that failed takes its time: the worker's loop asks again at once after any error
 * other than ECONNREFUSED, and PostgreSQL has many ("starting up", "terminating connection", …).
 */
function createPatientBackend(...args: Parameters<typeof createPostgresBackend>) {
  const backend = createPostgresBackend(...args);
  const moveToActive = backend.moveToActive.bind(backend);
  backend.moveToActive = async (...fetch) => {
    try {
      return await moveToActive(...fetch);
    } catch (error) {
      await delay(RETRY_MS);
      throw error;
    }
  };
  return backend;
}

/** Brings BullMQ's own schema up to date. Racing replicas wait for each other on its advisory lock. */
export async function migrateQueue(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await runMigrations(client);
  } finally {
    await client.end();
  }
}

/** Twins are rings of the same name with the same payload. */
function ringId(name: RingName, payload: Rings[RingName]): string {
  return [name, ...Object.values(payload)].join("/");
}

/** @throws after `ms`, leaving the work to end by itself */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
