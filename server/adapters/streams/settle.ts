// The end of an entry: acknowledged, answered and parked in one step, once, however many workers came that far.
import type { Redis } from "ioredis";

/** What a handler decided about one entry. */
export interface Verdict {
  readonly id: string;
  /** an answer, as JSON, and the stream it goes onto */
  readonly publish?: { readonly to: string; readonly data: string };
  /** it can never be taken */
  readonly park?: { readonly reason: string; readonly deliveries: number };
}

const MOST_RESPONSES = 64;
/** Answers that nobody fetched are forgotten. */
const RESPONSES_LIVE_MS = 24 * 60 * 60_000;
const MOST_PARKED = 10_000;

/** An error of one answer (a key of another kind in its place) must not keep the others. */
const SETTLE = `
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
if ARGV[3] ~= '' then
  redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], '*', 'data', ARGV[3], 'timestamp', ARGV[6])
  redis.pcall('PEXPIRE', KEYS[2], ARGV[8])
end
if ARGV[4] ~= '' then
  redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', ARGV[9], '*', 'stream', KEYS[1], 'id', ARGV[2],
    'reason', ARGV[4], 'deliveries', ARGV[5], 'timestamp', ARGV[6])
end
return 1`;

/** @returns the entries that were open until now */
export async function settle(
  redis: Redis,
  where: { readonly stream: string; readonly group: string; readonly parked: string },
  verdicts: readonly Verdict[],
): Promise<Set<string>> {
  const now = new Date().toISOString();
  const settled = new Set<string>();
  const plain = verdicts.filter(({ publish, park }) => !publish && !park);
  // One call for each, so that it is known which ones were open; a pipeline makes them one trip.
  const pipeline = redis.pipeline();
  for (const { id } of plain) pipeline.call("XACK", where.stream, where.group, id);
  const rest = verdicts.filter(({ publish, park }) => publish || park);
  for (const { id, publish, park } of rest)
    pipeline.eval(
      SETTLE,
      3,
      where.stream,
      publish?.to ?? where.parked,
      where.parked,
      where.group,
      id,
      publish?.data ?? "",
      park?.reason ?? "",
      park?.deliveries ?? 0,
      now,
      MOST_RESPONSES,
      RESPONSES_LIVE_MS,
      MOST_PARKED,
    );
  const replies = (await pipeline.exec()) ?? [];
  for (const [at, { id }] of [...plain, ...rest].entries()) {
    const [error, reply] = replies[at] ?? [new Error("Redis gave no answer"), 0];
    if (error) throw error;
    if (Number(reply) > 0) settled.add(id);
  }
  return settled;
}

/** Puts one answer onto a response stream, apart from any entry. */
export async function publish(redis: Redis, to: string, data: string): Promise<void> {
  const now = new Date().toISOString();
  await redis.call("XADD", to, "MAXLEN", "~", MOST_RESPONSES, "*", "data", data, "timestamp", now);
  await redis.pexpire(to, RESPONSES_LIVE_MS);
}
