import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ExecutionId } from "../../domain/ids.ts";
import { executionLogs } from "../../drizzle/schema/job.ts";
import { type ProviderWorld, providerWorld } from "../testing/provider-world.ts";
import { type LogStore, logStore, logsTopic, MOST_KEPT } from "./logs.ts";

let world: ProviderWorld;
let store: LogStore;
let id: ExecutionId;
beforeAll(async () => {
  world = await providerWorld();
  store = logStore(world.db);
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  id = await world.execution({ providerId: await world.provider() });
});

const now = () => world.deps.clock.now();
const append = (offset: number, text: string, of = id) => store.append(of, offset, text, now());
const all = async (of = id) => (await store.read(of, 0, 10_000)).map(({ text }) => text).join("");

test("parts follow each other, and each says where the next goes on", async () => {
  expect(await append(0, "one\n")).toBe(4);
  expect(await append(4, "two\n")).toBe(8);
  expect(await all()).toBe("one\ntwo\n");
});

test("what is known already is cut away, and what is wholly known changes nothing", async () => {
  await append(0, "abcdef");
  expect(await append(2, "cdefgh")).toBe(8);
  expect(await append(0, "ABC")).toBe(8);
  expect(await append(0, "")).toBe(8);
  expect(await all()).toBe("abcdefgh");
});

test("a part that begins after the end leaves a gap", async () => {
  await append(0, "abc");
  expect(await append(10, "xyz")).toBe(13);
  expect(await store.read(id, 0, 10)).toEqual([
    { start: 0, text: "abc" },
    { start: 10, text: "xyz" },
  ]);
  expect(await append(3, "in the gap")).toBe(13);
});

test("only parts that end after the asked place are read, oldest first, and no more than asked", async () => {
  await append(0, "abc");
  await append(10, "def");
  await append(20, "ghi");
  expect((await store.read(id, 3, 1)).map(({ start }) => start)).toEqual([10]);
  expect((await store.read(id, 11, 10)).map(({ start }) => start)).toEqual([10, 20]);
  expect(await store.read(id, 23, 10)).toEqual([]);
});

test("NUL and halves of characters become signs of the same length, so that offsets stay true", async () => {
  expect(await append(0, "a\0b\ud800c😀")).toBe(7);
  expect(await all()).toBe("a\uFFFDb\uFFFDc😀");
});

test("a character of two halves that stands where a part must end stays whole", async () => {
  const text = `${"x".repeat(65_535)}😀${"y".repeat(70_000)}`;
  expect(await append(0, text)).toBe(text.length);
  expect(await all()).toBe(text);
  expect((await store.read(id, 0, 10)).every((part) => part.text.length <= 65_536)).toBe(true);
});

test("no more is kept than there is room for: the oldest goes, whatever was written in which script", async () => {
  let end = 0;
  for (let n = 0; n < 30; n++) end = await append(end, (n % 2 ? "x" : "é").repeat(60_000));
  const parts = await store.read(id, 0, 10_000);
  const kept = parts.reduce((sum, { text }) => sum + text.length, 0);
  expect(kept).toBeLessThanOrEqual(MOST_KEPT);
  expect(kept).toBeGreaterThan(MOST_KEPT / 4);
  const last = parts.at(-1);
  expect((last?.start ?? 0) + (last?.text.length ?? 0)).toBe(end);
}, 120_000);

test("gaps do not make more rows than there is room for", async () => {
  for (let n = 0; n < 600; n++) await append(n * 10, "x");
  expect((await world.db.select().from(executionLogs)).length).toBeLessThanOrEqual(512);
}, 180_000);

test("each of many twins at once is stored once, and wakes who follows", async () => {
  const heard = vi.fn();
  const leave = world.deps.wakes.subscribe(logsTopic(id), heard);
  const ends = await Promise.all(Array.from({ length: 8 }, () => append(0, "only once\n")));
  expect(new Set(ends)).toEqual(new Set([10]));
  expect(await all()).toBe("only once\n");
  await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), { timeout: 20_000, interval: 20 });
  leave();
});

test("the logs of two executions do not meet", async () => {
  const other = await world.execution({ providerId: await world.provider() });
  await append(0, "mine");
  await append(0, "theirs", other);
  expect([await all(), await all(other)]).toEqual(["mine", "theirs"]);
});

test("an execution has ended when its status says so, and so has one that nobody knows", async () => {
  const providerId = await world.provider();
  const given = {
    running: false,
    unreachable: false,
    stopping: false,
    succeeded: true,
    failed: true,
    lost: true,
  } as const;
  for (const [status, over] of Object.entries(given) as [keyof typeof given, boolean][])
    expect([status, await store.ended(await world.execution({ providerId, status }))]).toEqual([status, over]);
  expect(await store.ended("exec_00000000000000000000000000")).toBe(true);
});

/** What a store should know after the same appends: the character at each place, as far as it was told in order. */
function modelOf(appends: readonly { readonly from: number; readonly text: string }[]) {
  const known = new Map<number, string>();
  let end = 0;
  for (const { from, text } of appends)
    for (let at = Math.max(from, end); at < from + text.length; at++) {
      known.set(at, text[at - from] ?? "");
      end = at + 1;
    }
  return { known, end };
}

describe("over random histories", () => {
  /** Pieces of one long text, sent twice, overlapping, out of order, with some left out. */
  const WHOLE = Array.from({ length: 3000 }, (_, at) => String.fromCodePoint(97 + ((at * 7) % 26))).join("");
  const histories = fc.array(
    fc.record({ from: fc.nat({ max: 2900 }), length: fc.nat({ max: 100 }), twice: fc.boolean() }),
    { minLength: 1, maxLength: 25 },
  );

  test("the store knows each character once, where it was written, and no other", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const execution = await world.execution({ providerId: await world.provider({ models: [] }) });
        const sent = history.flatMap(({ from, length, twice }) => {
          const part = { from, text: WHOLE.slice(from, from + length) };
          return twice ? [part, part] : [part];
        });
        let end = 0;
        for (const { from, text } of sent) end = await append(from, text, execution);
        const model = modelOf(sent);
        expect(end).toBe(model.end);
        const read = new Map<number, string>();
        for (const { start, text } of await store.read(execution, 0, 10_000))
          [...text].forEach((character, at) => {
            expect(read.has(start + at)).toBe(false);
            read.set(start + at, character);
          });
        expect(read).toEqual(model.known);
      }),
      { numRuns: 40 },
    );
  }, 180_000);
});
