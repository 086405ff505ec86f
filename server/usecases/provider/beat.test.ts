import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { executions } from "../../../drizzle/schema/job.ts";
import { desiredExecutions, providerPresence, providers } from "../../../drizzle/schema/provider.ts";
import { HeartbeatAnswer } from "../../../protocol/agent.ts";
import { desiredTopic, dropDesired, putDesired } from "../../repos/desired.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { beat } from "./beat.ts";
import { type BeatWorld, beatWorld, heartbeat, specOf } from "./testing/beats.ts";

let world: BeatWorld;
beforeAll(async () => {
  world = await beatWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

describe("the long poll", () => {
  test("it answers at once where the machine acts on another desired set, with all of it, opened", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    await world.put(id, one);
    const answer = HeartbeatAnswer.parse(await world.say(id, 1, { generation: 0 }, 25_000));
    expect(answer).toMatchObject({ generation: 1, now: world.deps.clock.now().toISOString() });
    expect(answer.executions).toMatchObject([
      { id: one, provider_id: id, gpu_uuids: ["GPU-1"], env: { A: "1" }, deadline: "2026-01-01T05:00:00.000Z" },
    ]);
  });

  test("once it runs, the answer carries the real end", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    const expiresAt = new Date("2026-01-01T09:00:00.000Z");
    await world.db.update(executions).set({ expiresAt });
    await world.put(id, one);
    expect((await world.say(id, 1)).executions).toMatchObject([{ deadline: expiresAt.toISOString() }]);
  });

  test("it waits where there is nothing new, and a change ends the wait", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    let answered = false;
    const answer = world.say(id, 1, { generation: 0 }, 25_000).finally(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(answered).toBe(false);
    await world.put(id, one);
    expect(await answer).toMatchObject({ generation: 1 });
  });

  test("after the wait it answers all that should run, though nothing changed: what it leaves out would be stopped", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    await world.put(id, one);
    expect((await world.say(id, 1, { generation: 1 }, 50)).executions).toMatchObject([{ id: one }]);
  });

  test("no wake is lost, whenever the change comes while the beat is on its way", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    let generation = 0;
    for (let round = 1; round <= 12; round++) {
      const began = performance.now();
      const poll = world.say(id, round, { generation }, 20_000);
      await new Promise((resolve) => setTimeout(resolve, (round - 1) * 25)); // through every stage of the flush
      if (round % 2) await world.put(id, one);
      else await world.db.transaction((tx) => dropDesired(tx, one));
      const answer = await poll;
      expect(answer.generation).toBe(++generation);
      expect(performance.now() - began).toBeLessThan(15_000); // a lost one is found after twenty
    }
  });

  test("a change ends the wait for a batch of beats too: it is written 25 ms after the last one, not a quarter of a second", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id });
    const client = postgres(world.url, { max: 1 }); // a batch of its own, which knows no time but this test's
    const deps = { ...world.deps, db: drizzle(client) };
    onTestFinished(() => {
      vi.useRealTimers();
      return client.end({ timeout: 5 });
    });
    await client`select 1`; // the driver connects by a timer
    // Time stands still, so that how busy this machine is says nothing; the database and its wakes go on.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    await beat(deps, id, heartbeat(id, 1), { waitMs: 0 });
    const poll = beat(deps, id, heartbeat(id, 2), { waitMs: 20_000 });
    const woken = new Promise<void>((resolve) => deps.wakes.subscribe(desiredTopic(id), resolve));
    await world.put(id, one);
    await woken; // and who subscribed before is woken before
    await vi.advanceTimersByTimeAsync(25);
    expect(await poll).toMatchObject({ generation: 1 });
  });

  test("a change after the generation was read, but before the wait began, ends the wait before it begins", async () => {
    const id = await world.provider({ presence: "unseen" });
    const one = await world.execution({ providerId: id });
    const sealedSpec = world.deps.secrets.seal(JSON.stringify(specOf(one, id)));
    const began = performance.now();
    const poll = await world.db.transaction(async (tx) => {
      await lockProviderRow(tx, id); // holds the beat between its two steps: taken, but not settled
      const held = world.say(id, 1, {}, 20_000);
      await new Promise((resolve) => setTimeout(resolve, 600));
      await putDesired(tx, { executionId: one, providerId: id, sealedSpec });
      return { held };
    });
    expect(await poll.held).toMatchObject({ generation: 1, executions: [{ id: one }] });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test("who hangs up is not waited for", async () => {
    const id = await world.provider();
    const gone = new AbortController();
    const poll = beat(world.deps, id, heartbeat(id, 1), { waitMs: 25_000, signal: gone.signal });
    setTimeout(() => gone.abort(), 300);
    await poll;
  });
});

describe("a machine that the broker turned away", () => {
  test.each(["suspended", "rejected"] as const)(
    "is told to run nothing, and why, where it is %s",
    async (admission) => {
      const id = await world.provider({ admission });
      await world.db.update(providers).set({ admissionReason: "It mines on rented GPUs." });
      const one = await world.execution({ providerId: id });
      await world.put(id, one);
      const answer = await world.say(id, 1);
      expect(answer).toMatchObject({ status: admission, executions: [], join: null });
      expect(answer.notices).toEqual([expect.stringContaining("It mines on rented GPUs.")]);
      expect(await world.db.select().from(desiredExecutions)).toHaveLength(1);
    },
  );

  test("is refused clearly where it was removed, and changes nothing", async () => {
    const id = await world.provider({ admission: "removed", presence: "offline" });
    await expect(world.say(id, 1)).rejects.toMatchObject({
      code: "forbidden",
      detail: expect.stringContaining("removed"),
    });
    expect(await world.db.select().from(providerPresence)).toEqual([]);
    expect(await world.row(id)).toMatchObject({ presence: "offline" });
  });
});

describe("two agents with one identity", () => {
  const [one, other, third] = ["1", "2", "3"].map((digit) => digit.repeat(32));

  test("are told to operators once an hour, and to both of them with every beat", async () => {
    const id = await world.provider();
    let seq = 0;
    const from = (instance: string | undefined) => world.say(id, ++seq, instance ? { instance } : {});
    await from(one);
    await from(other);
    expect(await world.codes(id)).toEqual([]);
    for (const instance of [one, other, one, other])
      expect((await from(instance)).notices).toEqual([expect.stringContaining("Another agent")]);
    expect(await world.codes(id)).toEqual(["two-agents"]);
    world.pass(3_600_001);
    await from(one);
    expect(await world.codes(id)).toEqual(["two-agents", "two-agents"]);
  });

  test("are not made of one that is restarted, again and again", async () => {
    const id = await world.provider();
    const lives = [one, one, other, other, third, third];
    for (const [n, instance] of lives.entries())
      expect((await world.say(id, n + 1, instance ? { instance } : {})).notices).toEqual([]);
    expect(await world.codes(id)).toEqual([]);
  });
});
