// A consumer on a real Redis, whatever its handler does: nothing unread or undecided is lost, trimmed or decided twice.
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type TestRedis, testRedis } from "../../testing/redis.ts";
import { type ConsumerOptions, consume, type Verdict } from "./consumer.ts";
import { trimAnswered } from "./upkeep.ts";

const STREAM = "some:stream";
const GROUP = "berth";
const PARKED = "some:parked";
const WAIT = { timeout: 20_000, interval: 25 };
const timing = {
  blockMs: 100,
  claimAfterMs: 400,
  claimEveryMs: 100,
  tidyEveryMs: 100,
  deadAfterMs: 800,
  retryMs: 50,
};

let server: TestRedis;
let redis: Redis;
let open: { close(): Promise<void> }[];
let settled: Verdict[];
let claimed: number;

beforeAll(async () => {
  server = await testRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});
beforeEach(async () => {
  await redis.flushall();
  [open, settled, claimed] = [[], [], 0];
});
afterEach(async () => {
  await Promise.all(open.map((consumer) => consumer.close()));
});

function start(name: string, handle: ConsumerOptions["handle"], over: Partial<ConsumerOptions> = {}) {
  const consumer = consume({
    redisUrl: server.url,
    stream: STREAM,
    group: GROUP,
    name,
    parked: PARKED,
    batch: 10,
    handle,
    healthy: async () => true,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    news: {
      settled: (verdict) => void settled.push(verdict),
      claimed: (count) => {
        claimed += count;
      },
      backlog: () => {},
    },
    timing,
    ...over,
  });
  open.push(consumer);
  return consumer;
}

const add = (text: string) => redis.xadd(STREAM, "*", "data", text);
const pendingCount = async () => Number((await redis.xpending(STREAM, GROUP))[0]);
const emptied = () => vi.waitFor(async () => expect(await redis.xlen(STREAM)).toBe(0), WAIT);
const taken = (entries: readonly { id: string }[]): Verdict[] => entries.map(({ id }) => ({ id }));

test("a message that always fails is parked with its deliveries, and holds up no other", async () => {
  const seen: string[] = [];
  start("a", async (entries) => {
    if (entries.some(({ fields }) => fields.data === "poison")) throw new Error("no");
    seen.push(...entries.map(({ fields }) => fields.data ?? ""));
    return taken(entries);
  });
  for (const text of ["1", "poison", "2"]) await add(text);
  await vi.waitFor(() => expect(seen).toEqual(["1", "2"]), WAIT);
  await add("3");
  await vi.waitFor(() => expect(seen).toEqual(["1", "2", "3"]), WAIT);
  await emptied();
  const [[, parked = []] = []] = await redis.xrange(PARKED, "-", "+");
  const at = (name: string) => parked[parked.indexOf(name) + 1];
  expect([at("stream"), at("reason")]).toEqual([STREAM, "poison"]);
  expect(Number(at("deliveries"))).toBeGreaterThan(1);
  expect(parked).not.toContain("data");
});

test("while what a handler needs is away, nothing is parked however often it is tried, and all is taken afterwards", async () => {
  let away = true;
  let tries = 0;
  const seen: string[] = [];
  start(
    "a",
    async (entries) => {
      tries += 1;
      if (away) throw new Error("the database is away");
      seen.push(...entries.map(({ fields }) => fields.data ?? ""));
      return taken(entries);
    },
    { healthy: async () => !away },
  );
  for (const text of ["1", "2"]) await add(text);
  await vi.waitFor(() => expect(tries).toBeGreaterThan(15), WAIT);
  expect(seen).toEqual([]);
  away = false;
  await emptied();
  expect([...new Set(seen)].sort()).toEqual(["1", "2"]);
  expect(await redis.xlen(PARKED)).toBe(0);
});

test("what a dead consumer left is taken over by another, and the dead one is removed from the group", async () => {
  await redis.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  for (const text of ["1", "2", "3"]) await add(text);
  await redis.xreadgroup("GROUP", GROUP, "dead", "COUNT", 2, "STREAMS", STREAM, ">");
  start("a", async (entries) => taken(entries));
  await emptied();
  expect(claimed).toBe(2);
  expect(settled).toHaveLength(3);
  await vi.waitFor(async () => {
    const consumers = await redis.call("XINFO", "CONSUMERS", STREAM, GROUP);
    expect(JSON.stringify(consumers)).not.toContain('"dead"');
  }, WAIT);
});

test("a slow consumer whose message was taken over answers it no second time", async () => {
  const answer = (entries: readonly { id: string }[]): Verdict[] =>
    entries.map(({ id }) => ({ id, publish: { to: "some:answers", data: "{}" } }));
  let began = false;
  start("slow", async (entries) => {
    began = true;
    await new Promise((wake) => setTimeout(wake, 2_500));
    return answer(entries);
  });
  await add("1");
  await vi.waitFor(() => expect(began).toBe(true), WAIT);
  start("quick", async (entries) => answer(entries));
  await emptied();
  expect(await redis.xlen("some:answers")).toBe(1);
  await Promise.all(open.map((consumer) => consumer.close()));
  expect(await redis.xlen("some:answers")).toBe(1);
  expect(settled).toHaveLength(1);
});

test("trimming takes what was answered and nothing that is unread or undecided", async () => {
  await redis.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  const ids: string[] = [];
  for (const text of ["1", "2", "3", "4", "5"]) ids.push((await add(text)) ?? "");
  await redis.xreadgroup("GROUP", GROUP, "a", "COUNT", 3, "STREAMS", STREAM, ">");
  await redis.xack(STREAM, GROUP, ids[0] ?? "", ids[2] ?? "");
  expect(await trimAnswered(redis, STREAM, GROUP)).toMatchObject({ pending: 1, unread: 2 });
  expect((await redis.xrange(STREAM, "-", "+")).map(([id]) => id)).toEqual(ids.slice(1)); // the second is undecided
  await redis.xack(STREAM, GROUP, ids[1] ?? "");
  await trimAnswered(redis, STREAM, GROUP);
  expect((await redis.xrange(STREAM, "-", "+")).map(([id]) => id)).toEqual(ids.slice(3));
});

test("a group that somebody deletes is made again, from the beginning", async () => {
  const seen: string[] = [];
  start("a", async (entries) => {
    seen.push(...entries.map(({ fields }) => fields.data ?? ""));
    return taken(entries);
  });
  await add("1");
  await emptied();
  await redis.xgroup("DESTROY", STREAM, GROUP);
  await add("2");
  await vi.waitFor(() => expect(seen).toEqual(["1", "2"]), WAIT);
});

test("closing waits for what is being decided, and leaves no consumer behind", async () => {
  let done = false;
  let began = false;
  const consumer = start("a", async (entries) => {
    began = true;
    await new Promise((wake) => setTimeout(wake, 300));
    done = true;
    return taken(entries);
  });
  await add("1");
  await vi.waitFor(() => expect(began).toBe(true), WAIT);
  await consumer.close();
  expect(done).toBe(true);
  expect(await pendingCount()).toBe(0);
  expect(await redis.call("XINFO", "CONSUMERS", STREAM, GROUP)).toEqual([]);
});
