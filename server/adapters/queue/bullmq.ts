// The doorbell: one BullMQ queue of named rings, on PostgreSQL or on Redis. It carries ids; the row is the truth.
import { setTimeout as delay } from "node:timers/promises";
import { runMigrations } from "bullmq";
import pg from "pg";
import type { Log, Queue, RingName, Rings } from "../../deps.ts";
import { type Backing, type OpenQueue, type OpenWorker, openBackend, type Processor, RETRY_MS } from "./backends.ts";
import { together } from "./together.ts";

export { backingOf } from "./backends.ts";

const QUEUE = "berth";
/** How long a use case waits for its ring at most. */
const RING_TIMEOUT_MS = 3_000;
/** A killed worker's rings are run again after at most LOCK_MS + STALLED_CHECK_MS. */
const LOCK_MS = 3_000;
const STALLED_CHECK_MS = 1_000;
/** How long a close waits for the rings that run, where their store is away and cannot be told of their end. */
const CLOSE_TIMEOUT_MS = 15_000;

export interface RingQueue extends Queue {
  /** Rings that wait and rings that run now. */
  counts(): Promise<{ readonly waiting: number; readonly active: number; readonly failed: number }>;
  close(): Promise<void>;
}

export type QueueOptions = Backing & {
  readonly log: Log;
  /** A ring could not be put into the queue; the sweep makes up for it. */
  readonly onLost?: (name: RingName) => void;
};

/**
 * Opens the queue to ring into it. Neither opening nor ringing needs its store to be there: a ring that cannot
 * be left within three seconds is logged, counted and forgotten, for a lost ring is only a late one.
 */
export function openQueue({ log, onLost, ...backing }: QueueOptions): RingQueue {
  const backend = openBackend(backing, "queue");
  let opened: Promise<OpenQueue> | undefined;

  // BullMQ remembers a failed first connection for ever, so a queue that did not get ready is thrown away.
  async function ready() {
    opened ??= (async () => {
      const queue = backend.queue(QUEUE, { streams: { events: { maxLen: 256 } } }); // nobody reads BullMQ's events
      queue.on("error", (error) => log.warn({ error: messageOf(error) }, "the queue lost its store"));
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

  const one = together();

  return {
    async ring(name, payload) {
      const id = ringId(name, payload);
      const leave = async () => {
        const queue = await ready();
        await queue.add(name, payload, {
          attempts: 1,
          deduplication: { id, keepLastIfActive: true },
          removeOnComplete: true,
          removeOnFail: { count: 100 },
        });
      };
      try {
        // It gives up by itself, or whoever comes after it would wait for ever.
        const left = one(id, () => within(RING_TIMEOUT_MS, leave()));
        await within(RING_TIMEOUT_MS, left);
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
      await backend.release();
    },
  };
}

export type RunOptions<D> = Backing & {
  /** Rings that run at the same time in this process. */
  readonly concurrency: number;
  readonly deps: D;
  /** A line for every ring there is, or the build fails. */
  readonly processors: { readonly [N in RingName]: (deps: D, payload: Rings[N]) => Promise<void> };
  readonly log: Log;
  readonly onDone?: (name: RingName, seconds: number, outcome: "done" | "failed") => void;
};

/**
 * Answers rings until closed. A processor that throws is logged and never retried: the sweep is the retry.
 * Closing waits for the rings that run. A store that is away, even at the start, is waited for.
 */
export function runRings<D>(options: RunOptions<D>): { close(): Promise<void> } {
  const { concurrency, deps, processors, log, onDone } = options;
  const backend = openBackend(options, "worker");

  async function answer<N extends RingName>(name: N, payload: Rings[N]): Promise<void> {
    await processors[name](deps, payload);
  }

  const process: Processor = async (job) => {
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
  };

  function connectWorker() {
    const worker = backend.worker(QUEUE, process, {
      autorun: false,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: 1_000_000, // a ring that outlived its worker is safe to answer again
      runRetryDelay: RETRY_MS,
    });
    worker.on("error", (error) => log.warn({ error: messageOf(error) }, "the rings lost their store"));
    worker.on("stalled", (id) => log.warn({ job: id }, "a ring outlived its worker and is answered again"));
    return worker;
  }

  // A BullMQ worker whose first connection failed stays broken and spins without a pause: run only one that is ready.
  const closing = new AbortController();
  const closed = new Promise<"closed">((done) => closing.signal.addEventListener("abort", () => done("closed")));
  async function untilReady(): Promise<OpenWorker | undefined> {
    while (!closing.signal.aborted) {
      const worker = connectWorker();
      try {
        if ((await Promise.race([worker.waitUntilReady(), closed])) === "closed") {
          await worker.close(true);
          return undefined;
        }
        worker.run().catch((error: unknown) => log.error({ error: messageOf(error) }, "the rings stopped"));
        return worker;
      } catch (error) {
        log.warn({ error: messageOf(error) }, "the rings wait for their store");
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
      const worker = await started;
      if (worker)
        await within(CLOSE_TIMEOUT_MS, worker.close()).catch((error: unknown) =>
          log.warn({ error: messageOf(error) }, "the rings were closed before their store knew of their end"),
        );
      await backend.release();
    },
  };
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
