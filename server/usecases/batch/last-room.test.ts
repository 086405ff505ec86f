// The last GPU and the last core of a machine: whoever drew it on what was free then looks again once the machine is theirs.
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RentWish } from "../../../domain/job/wish.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { waitingForLocks } from "../../testing/locks.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { dispatchBatch } from "./dispatch-batch.ts";

let world: World;
let fleet: Fleet;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => world[Symbol.asyncDispose]());

const LAST = [
  {
    what: "GPU",
    machine: { gpus: 1, cpuCores: 8 },
    copy: { gpu_count: 1, gpu_type: GPU_MODEL },
    rental: { gpuCount: 1 },
  },
  { what: "core", machine: { gpus: 0, cpuCores: 1 }, copy: {}, rental: { gpuCount: 0 } },
] as const;

function wish({ gpuCount }: { readonly gpuCount: number }): RentWish {
  return {
    ...{
      providerId: null,
      gpuModel: gpuCount > 0 ? GPU_MODEL : null,
      minVramMb: 0,
      gpuCount,
      cpuCores: 1,
      memoryGb: 1,
    },
    ...{ diskGb: 1, hours: 1, maxRate: null, name: "r", image: "ubuntu:24.04", template: null, command: null },
    ...{ httpPort: null, env: {}, sshPublicKeys: ["ssh-ed25519 AAAA"] },
  };
}

const renting = async (n: number, gpuCount: number) =>
  rentGpu(world.deps, await world.customer(n), wish({ gpuCount }), { key: null, request: null });

/** Holds every machine as long as it takes until all of `race` have drawn one and wait for it, in that order. */
async function race(...contenders: (() => Promise<unknown>)[]): Promise<PromiseSettledResult<unknown>[]> {
  const running: Promise<unknown>[] = [];
  await world.db.transaction(async (tx) => {
    await tx.execute(sql`select 1 from providers for no key update`);
    for (const contend of contenders) {
      running.push(contend());
      running.at(-1)?.catch(() => {}); // it is looked at below
      await waitingForLocks(world.db, running.length);
    }
  });
  return Promise.allSettled(running);
}

async function given(): Promise<number> {
  const [row] = await world.db.execute<{ n: number }>(sql`select count(*)::int as n from batch_executions`);
  return row?.n ?? 0;
}

describe.each(LAST)("the last $what of a machine", ({ machine, copy, rental }) => {
  beforeEach(async () => {
    fleet = await openFleet(world, 1, machine);
    await fleet.submit(await world.customer(1), { ...copy, redundancy: 1, consensus: 1 });
  });

  test("is not given to a batch job whose round drew it before a rental took it: the job waits on", async () => {
    const [rented, dispatched] = await race(
      () => renting(2, rental.gpuCount),
      () => dispatchBatch(world.deps),
    );
    expect(rented?.status).toBe("fulfilled");
    expect(dispatched).toEqual({ status: "fulfilled", value: 0 });
    expect(await given()).toBe(0);
    expect(await expectSound(world.db)).toEqual([]);
    const [job] = await world.db.execute(sql`select status, copies_wanted as copies from batch_jobs`);
    expect(job).toEqual({ status: "pending", copies: 1 });
  });

  test("is not rented once a round has given it out, although it was free when the renter looked", async () => {
    const [dispatched, rented] = await race(
      () => dispatchBatch(world.deps),
      () => renting(2, rental.gpuCount),
    );
    expect(dispatched).toEqual({ status: "fulfilled", value: 1 });
    expect(rented).toMatchObject({ status: "rejected", reason: { code: "no-capacity" } });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("is given out once by rounds that start together, and to the next job when it is free again", async () => {
    await fleet.submit(await world.customer(3), { ...copy, redundancy: 1, consensus: 1 });
    for (let turn = 1; turn <= 2; turn++) {
      const counts = await Promise.all(Array.from({ length: 8 }, () => dispatchBatch(world.deps)));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
      expect(await given()).toBe(turn);
      expect(await expectSound(world.db)).toEqual([]);
      const [run] = await fleet.live();
      expect(run && (await fleet.deliver(run))).toBe("accepted");
    }
  });
});

test("the last GPU that an account may hold on nodes is not given to its batch job while it rents it", async () => {
  fleet = await openFleet(world, 8, { gpus: 1, cpuCores: 8 });
  await world.db.execute(sql`update providers set runtime = 'kubernetes'`);
  for (const id of fleet.machines) await world.db.transaction((tx) => recomputeOffers(tx, id));
  Object.assign(world.deps, { settings: { ...world.deps.settings, tenantMaxGpus: 1 } });
  const alice = await world.customer(1);
  await fleet.submit(alice, { gpu_count: 1, redundancy: 1, consensus: 1, max_price: "5.000000" });
  const [rented, dispatched] = await race(
    () => rentGpu(world.deps, alice, wish({ gpuCount: 1 }), { key: null, request: null }),
    () => dispatchBatch(world.deps),
  );
  expect(rented?.status).toBe("fulfilled");
  expect(dispatched).toEqual({ status: "fulfilled", value: 0 });
  expect(await given()).toBe(0);
  expect(await expectSound(world.db)).toEqual([]);
});
