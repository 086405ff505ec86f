import { eq, ne, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import { providerPresence, providers } from "../../../drizzle/schema/provider.ts";
import { takeBeat } from "./presence-batch.ts";
import { type BeatWorld, beatWorld, machine } from "./testing/beats.ts";

let world: BeatWorld;
beforeAll(async () => {
  world = await beatWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

describe("taking a sign of life", () => {
  test("a thousand beats at once are a few statements, and each is taken", async () => {
    const like = await world.provider({ models: [] });
    await world.db.execute(sql`insert into providers select copy.* from providers p, generate_series(1, 1000) n,
      jsonb_populate_record(p, jsonb_build_object('id', 'prov_' || lpad(n::text, 26, '0'), 'name', n, 'public_key', n)) copy`);
    const fleet = await world.db.select({ id: providers.id }).from(providers).where(ne(providers.id, like));
    const before = world.statements();
    const lastSeenAt = world.deps.clock.now();
    const taken = fleet.map(({ id: providerId }) =>
      takeBeat(world.deps, {
        providerId,
        seq: 1,
        lastSeenAt,
        report: [],
        usage: {},
        reportedGeneration: 0,
        instance: "",
      }),
    );
    expect(await Promise.all(taken)).toHaveLength(1000);
    expect(world.statements() - before).toBeLessThanOrEqual(16);
    expect(await world.db.select().from(providerPresence)).toHaveLength(1000);
  });

  test("a beat with an old number, or the same again, is refused and changes nothing", async () => {
    const id = await world.provider();
    await world.say(id, 5);
    const before = await world.db.select().from(providerPresence);
    world.pass(1000);
    const other = { generation: 7, machine: machine(id, { cpu_cores: 1 }) };
    await expect(world.say(id, 4, other)).rejects.toMatchObject({ code: "stale-sequence" });
    await expect(world.say(id, 5, other)).rejects.toMatchObject({ code: "stale-sequence" });
    expect(await world.db.select().from(providerPresence)).toEqual(before);
    expect((await world.row(id)).cpuCores).toBe(32);
  });

  test("of two beats in one batch the newer is taken, and the older is told so", async () => {
    const id = await world.provider();
    await world.say(id, 1);
    const [newer, older] = await Promise.allSettled([world.say(id, 3), world.say(id, 2)]);
    expect(newer.status).toBe("fulfilled");
    expect(older).toMatchObject({ reason: { code: "stale-sequence" } });
  });

  test("a beat of nobody is not found, and the others of its batch are taken", async () => {
    const id = await world.provider();
    await world.say(id, 1);
    const nobody: ProviderId = "prov_00000000000000000000000000";
    const [theirs, ours] = await Promise.allSettled([world.say(nobody, 1), world.say(id, 2)]);
    expect(theirs).toMatchObject({ reason: { code: "not-found" } });
    expect(ours.status).toBe("fulfilled");
  });

  test("an ordinary beat does not wait for a rent that locks the provider's row", async () => {
    const id = await world.provider();
    await world.say(id, 1);
    await world.db.transaction(async (tx) => {
      await tx.select().from(providers).where(eq(providers.id, id)).for("update");
      await world.say(id, 2);
    });
    const [row] = await world.db.select().from(providerPresence);
    expect(row?.seq).toBe(2);
  });
});

describe("news of executions", () => {
  test("a changed report makes its live executions due and rings them; the same again does not", async () => {
    const id = await world.provider();
    const [one, ended] = [
      await world.execution({ providerId: id }),
      await world.execution({ providerId: id, status: "stopped" }),
    ];
    await world.say(id, 1, { executions: [{ id: ended, state: "starting" }] });
    world.rings.length = 0;
    const ready = { id: one, state: "ready" as const, port: 30_022, user: "root" };
    await world.say(id, 2, { executions: [ready] });
    expect(world.rings).toEqual([one]);
    expect(await world.due(one)).toEqual(world.deps.clock.now());
    await world.say(id, 3, { executions: [ready] });
    expect(world.rings).toEqual([one]);
    await world.say(id, 4, { executions: [] });
    expect(world.rings).toEqual([one, one]);
  });

  test("a report that acts on a newer wish and still leaves an execution out is news of that execution", async () => {
    const id = await world.provider();
    const one = await world.execution({ providerId: id, status: "starting" });
    await world.say(id, 1);
    world.rings.length = 0;
    await world.put(id, one);
    await world.say(id, 2, { generation: 1 });
    expect(world.rings).toEqual([one]);
  });

  test("nobody makes another provider's execution due", async () => {
    const [id, other] = [await world.provider(), await world.provider()];
    const theirs = await world.execution({ providerId: other });
    await world.say(id, 1, { executions: [{ id: theirs, state: "starting" }] });
    expect(world.rings).toEqual([]);
    expect(await world.due(theirs)).toBeNull();
  });
});

describe("which agent speaks", () => {
  const beatOf = (providerId: ProviderId, seq: number, instance: string) => ({
    ...{ providerId, seq, instance, lastSeenAt: world.deps.clock.now(), report: [], usage: {}, reportedGeneration: 0 },
  });
  const heard = async (id: ProviderId, instances: readonly string[]) => {
    const twice: boolean[] = [];
    for (const [n, instance] of instances.entries())
      twice.push((await takeBeat(world.deps, beatOf(id, n + 1, instance))).twoAgents);
    return twice;
  };

  test("only who speaks again after another one did is one of two", async () => {
    expect(await heard(await world.provider(), ["a", "a", "b", "b", "a", "b", "c"])).toEqual([
      ...[false, false, false, false, true, true, false],
    ]);
  });

  test("a message of the streams has no instance, and makes no second agent of the one that beats", async () => {
    const id = await world.provider();
    expect(await heard(id, ["a", "", "a", "", "a"])).toEqual([false, false, false, false, false]);
    const [row] = await world.db.select().from(providerPresence);
    expect(row).toMatchObject({ instance: "a", instanceBefore: "" });
  });
});
