// Where the rings are kept: PostgreSQL, or Redis where there is one. Both are BullMQ; this is all that differs.
import { setTimeout as delay } from "node:timers/promises";
import {
  createPostgresBackend,
  createRedisBackend,
  type JobsOptions,
  type QueueOptions,
  type WorkerOptions,
  withBackend,
} from "bullmq";
import { Redis } from "ioredis";
import type { RingName, Rings } from "../../deps.ts";
import { holdPool } from "./pool.ts";

const PostgresQueue = withBackend(createPostgresBackend).Queue;
const PostgresWorker = withBackend(createPatientBackend).Worker;
const { Queue: RedisQueue, Worker: RedisWorker } = withBackend(createRedisBackend);

/** BullMQ waits 15 s after a failed fetch unless told otherwise. */
export const RETRY_MS = 500;
const MOST_RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** A connection that says nothing for so long after it was asked is dead; longer than any wait of BullMQ. */
const SILENT_SOCKET_MS = 30_000;

export type Backing = { readonly databaseUrl: string } | { readonly redisUrl: string };

/** Rings go through Redis where there is one. */
export function backingOf(env: { readonly databaseUrl: string; readonly redisUrl: string | null }): Backing {
  return env.redisUrl === null ? { databaseUrl: env.databaseUrl } : { redisUrl: env.redisUrl };
}

export type RingData = Rings[RingName];
export type Processor = (job: { readonly name: RingName; readonly data: RingData }) => Promise<void>;

/** What of a BullMQ queue is used. */
export interface OpenQueue {
  waitUntilReady(): Promise<unknown>;
  add(name: RingName, data: RingData, options: JobsOptions): Promise<unknown>;
  getJobCounts(...states: ("waiting" | "active" | "failed")[]): Promise<Record<string, number>>;
  close(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** What of a BullMQ worker is used. */
export interface OpenWorker {
  waitUntilReady(): Promise<unknown>;
  run(): Promise<void>;
  close(force?: boolean): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "stalled", listener: (jobId: string) => void): unknown;
}

export interface Backend {
  queue(name: string, options: Omit<QueueOptions, "connection">): OpenQueue;
  worker(name: string, process: Processor, options: Omit<WorkerOptions, "connection">): OpenWorker;
  /** Gives back the connections. */
  release(): Promise<void>;
}

/** @param use the queue's own connection fails at once where Redis is away; the worker's waits for it */
export function openBackend(backing: Backing, use: "queue" | "worker"): Backend {
  return "redisUrl" in backing ? redisBackend(backing.redisUrl, use) : postgresBackend(backing.databaseUrl);
}

function postgresBackend(databaseUrl: string): Backend {
  const held = holdPool(databaseUrl);
  return {
    queue: (name, options) => new PostgresQueue<RingData, void, RingName>(name, { ...options, connection: held.pool }),
    worker: (name, process, options) =>
      new PostgresWorker<RingData, void, RingName>(name, process, { ...options, connection: held.pool }),
    release: held.release,
  };
}

function redisBackend(redisUrl: string, use: "queue" | "worker"): Backend {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENT_SOCKET_MS,
    retryStrategy: (attempt) => Math.min(attempt * 100, MOST_RECONNECT_MS),
    ...(use === "queue"
      ? { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }
      : { maxRetriesPerRequest: null }),
  });
  redis.setMaxListeners(0); // every BullMQ object listens for errors
  redis.on("error", () => {}); // BullMQ's objects report it; between two of them it must not end the process
  return {
    queue: (name, options) => new RedisQueue<RingData, void, RingName>(name, { ...options, connection: redis }),
    worker: (name, process, options) =>
      new RedisWorker<RingData, void, RingName>(name, process, { ...options, connection: redis }),
    release: async () => redis.disconnect(),
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
