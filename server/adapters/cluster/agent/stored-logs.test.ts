import { eq } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ExecutionId } from "../../../../domain/ids.ts";
import { executions } from "../../../../drizzle/schema/job.ts";
import type { LogOptions, Wakes } from "../../../deps.ts";
import { type LogStore, logStore } from "../../../repos/logs.ts";
import { type ProviderWorld, providerWorld } from "../../../testing/provider-world.ts";
import { until } from "../../../testing/reaching.ts";
import { lastLines, storedLogs } from "./stored-logs.ts";

const DEAF: Wakes = { wait: async () => {}, subscribe: () => () => {} };
let world: ProviderWorld;
let logs: LogStore;
let id: ExecutionId;
let end = 0;
beforeAll(async () => {
  world = await providerWorld();
  logs = logStore(world.db);
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  id = await world.execution({ providerId: await world.provider() });
  end = 0;
});

async function write(text: string) {
  end = await logs.append(id, end, text, world.deps.clock.now());
}
const ends = () => world.db.update(executions).set({ status: "stopped" }).where(eq(executions.id, id));

/** What is heard while it is listened to. */
function listen(over: Partial<LogOptions>, wakes = world.deps.wakes) {
  const options = { tailLines: null, follow: false, signal: new AbortController().signal, ...over };
  const heard = { text: "", over: Promise.resolve() };
  heard.over = (async () => {
    for await (const part of storedLogs({ logs, wakes }, id, options)) heard.text += part;
  })();
  return heard;
}
async function read(tailLines: number | null): Promise<string> {
  const heard = listen({ tailLines });
  await heard.over;
  return heard.text;
}

test("the last lines of a text are those that people would count", () => {
  const line = fc.string({ maxLength: 3 }).map((text) => text.replaceAll("\n", "."));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), line, fc.nat({ max: 10 }), (whole, begun, count) => {
      const text = whole.map((each) => `${each}\n`).join("") + begun;
      const lines = [...whole.map((each) => `${each}\n`), ...(begun === "" ? [] : [begun])];
      expect(lastLines(text, count)).toBe(count === 0 ? "" : lines.slice(-count).join(""));
    }),
    { numRuns: 1000 },
  );
});

test("all is read, or the last lines of it, over however many parts", async () => {
  const lines = Array.from({ length: 50 }, (_, n) => `${n} ${"x".repeat(5000)}\n`);
  for (const line of lines) await write(line);
  expect(await read(null)).toBe(lines.join(""));
  expect(await read(7)).toBe(lines.slice(-7).join(""));
  expect(await read(0)).toBe("");
});

test("who follows hears each character once, from the last lines on", async () => {
  await write("old\nnewer\n");
  const stop = new AbortController();
  const heard = listen({ tailLines: 1, follow: true, signal: stop.signal });
  await until("the last line is heard", () => heard.text === "newer\n");
  for (let n = 0; n < 20; n++) await write(`${n}\n`);
  const all = `newer\n${Array.from({ length: 20 }, (_, n) => `${n}\n`).join("")}`;
  await until("the rest is heard", () => heard.text === all);
  stop.abort();
  await heard.over;
  expect(heard.text).toBe(all);
});

test("a wake that was lost makes it late, and no more", async () => {
  const stop = new AbortController();
  const heard = listen({ follow: true, signal: stop.signal }, DEAF);
  await write("nobody was woken\n");
  await until("it is heard", () => heard.text === "nobody was woken\n");
  stop.abort();
  await heard.over;
});

test("after the end the last words are waited for, and then it is over", async () => {
  await write("begin\n");
  const heard = listen({ follow: true });
  await until("it is heard", () => heard.text !== "");
  await ends();
  await write("end\n");
  await heard.over;
  expect(heard.text).toBe("begin\nend\n");
});
