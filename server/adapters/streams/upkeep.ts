// Keeping a stream small and its group clean: what was answered is trimmed, dead consumers go, and nothing else does.
import type { Redis } from "ioredis";
import { oldestPending, records } from "./replies.ts";

export interface Backlog {
  /** delivered, not yet acknowledged */
  readonly pending: number;
  /** not yet delivered to anybody */
  readonly unread: number;
}

/** Makes the group where it is missing, from the stream's very beginning: what came before the first worker counts. */
export async function ensureGroup(redis: Redis, stream: string, group: string): Promise<void> {
  try {
    await redis.call("XGROUP", "CREATE", stream, group, "0", "MKSTREAM");
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
  }
}

/**
 * Trims the entries before everything that is unread or pending. The group's place is read before its pending entries:
 * what is delivered in between lies behind that place, so a stale look only trims less.
 */
export async function trimAnswered(redis: Redis, stream: string, group: string): Promise<Backlog> {
  const mine = records(await redis.call("XINFO", "GROUPS", stream)).find(({ name }) => name === group);
  if (!mine) return { pending: 0, unread: 0 };
  const oldest = oldestPending(await redis.call("XPENDING", stream, group));
  await redis.call("XTRIM", stream, "MINID", oldest ?? after(String(mine["last-delivered-id"])));
  const pending = Number(mine.pending);
  const length = Number(await redis.call("XLEN", stream));
  return { pending, unread: typeof mine.lag === "number" ? mine.lag : Math.max(0, length - pending) };
}

/** The smallest id above another one. */
function after(id: string): string {
  const [ms = "0", sequence = "0"] = id.split("-");
  return `${ms}-${BigInt(sequence) + 1n}`;
}

/** Deletes a consumer that holds nothing; looked at and done in one step, for deleting drops what it holds. */
const REMOVE_IF_IDLE = `
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) + 1`;

export async function removeConsumer(redis: Redis, stream: string, group: string, name: string): Promise<void> {
  await redis.eval(REMOVE_IF_IDLE, 1, stream, group, name);
}

/** @returns how many consumers were removed that were not heard for `deadAfterMs` and hold nothing */
export async function removeDeadConsumers(
  redis: Redis,
  { stream, group, name, deadAfterMs }: { stream: string; group: string; name: string; deadAfterMs: number },
): Promise<number> {
  const dead = records(await redis.call("XINFO", "CONSUMERS", stream, group)).filter(
    (consumer) => consumer.name !== name && Number(consumer.idle) > deadAfterMs && Number(consumer.pending) === 0,
  );
  for (const consumer of dead) await removeConsumer(redis, stream, group, String(consumer.name));
  return dead.length;
}
