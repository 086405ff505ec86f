// A connection to Redis that comes back for ever, and says at once when it is away: its callers decide what to repeat.
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Log } from "../../deps.ts";

const CONNECT_TIMEOUT_MS = 3_000;
const MOST_RECONNECT_MS = 1_000;
/** Longer than any read blocks: a command without an answer for so long was lost with its connection. */
const COMMAND_TIMEOUT_MS = 10_000;
const LOOK_AGAIN_MS = 50;

export interface Connection {
  readonly redis: Redis;
  /** Resolves once commands are answered, or the signal fired. */
  ready(signal: AbortSignal): Promise<void>;
  close(): void;
}

export function openConnection(redisUrl: string, log: Log): Connection {
  const redis = new Redis(redisUrl, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: COMMAND_TIMEOUT_MS,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false, // what became of a command is not known: its caller looks
    retryStrategy: (attempt) => Math.min(attempt * 50 + Math.random() * 50, MOST_RECONNECT_MS),
  });
  let away = false;
  redis.on("error", (error) => {
    if (!away) log.warn({ error: error.message }, "the streams lost Redis; they come back when it does");
    away = true;
  });
  redis.on("ready", () => {
    if (away) log.info({}, "the streams have Redis back");
    away = false;
  });
  return {
    redis,
    async ready(signal) {
      while (redis.status !== "ready" && !signal.aborted)
        await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
    },
    close: () => redis.disconnect(),
  };
}
