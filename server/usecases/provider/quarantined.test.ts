// A machine that was caught with wrong results gets no rentals either, until an operator lifts it.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import { providerEvidence } from "../../../drizzle/schema/batch.ts";
import { writeQuarantine } from "../../repos/batch-checks.ts";
import { driftedProviders, recomputeOffers } from "../../repos/offers.ts";
import { type LifeWorld, lifeWorld, MINUTE, OPERATOR, OWNER } from "../../testing/life.ts";
import { expectSound } from "../../testing/sound.ts";
import { networkStats } from "../network/stats.ts";
import { countState } from "../system/count-state.ts";
import { approveProvider } from "./decide-admission.ts";
import { getOwnProvider } from "./get-own-provider.ts";
import { getProvider } from "./get-provider.ts";
import { gpuAvailability } from "./gpu-availability.ts";
import { searchOffers } from "./search-offers.ts";

let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
});
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

const REASON = "It gave a wrong result where the right one was known.";

/** As a verdict does it. */
async function caught(id: ProviderId) {
  const now = world.deps.clock.now();
  await world.db.insert(providerEvidence).values({ providerId: id, at: now });
  await world.db.transaction(async (tx) => {
    await writeQuarantine(tx, [{ providerId: id, reason: REASON }], now, now);
    await recomputeOffers(tx, id);
  });
}

test("a caught machine takes no new rental, the one that runs goes on, and everybody is told why; lifted, it is on the market again", async () => {
  const id = await world.provider();
  const renter = await world.customer(1);
  const { executionId } = await world.rent(renter);
  await world.settleRings();
  await caught(id);
  await expect(world.rent(renter)).rejects.toMatchObject({ code: "no-capacity", extras: { removed: { status: 1 } } });
  expect(await driftedProviders(world.db)).toEqual([]);
  expect((await getProvider(world.deps, id)).status).toBe("quarantined");
  const own = await getOwnProvider(world.deps, OWNER, id);
  expect(own.status).toBe("quarantined");
  expect(own.notices.join(" ")).toContain(REASON);
  expect((await searchOffers(world.deps, { status: ["quarantined"] })).offers.map((o) => o.provider_id)).toContain(id);
  expect((await searchOffers(world.deps, { status: ["available"] })).offers).toEqual([]);
  expect((await gpuAvailability(world.deps, {})).available_gpus).toBe(0);
  expect((await countState(world.deps)).providers).toEqual({ quarantined: 1 });
  expect((await networkStats(world.deps)).nodes).toEqual({ total: 1, online: 0, busy: 1 });
  await world.listen(10 * MINUTE, [id]);
  await world.settleRings();
  expect(await world.execution(executionId)).toMatchObject({ status: "running", desired: "run" });

  await approveProvider(world.deps, OPERATOR, id);
  expect((await getProvider(world.deps, id)).status).toBe("available");
  await world.rent(renter);
  expect(await driftedProviders(world.db)).toEqual([]);
  expect(await expectSound(world.db)).toEqual([]);
});

test("under its lock a machine that was just caught is refused, whatever its offer says", async () => {
  const id = await world.provider();
  const now = world.deps.clock.now();
  await world.db.insert(providerEvidence).values({ providerId: id, at: now, quarantinedAt: now });
  await expect(world.rent(await world.customer(1))).rejects.toMatchObject({ code: "no-capacity" });
});
