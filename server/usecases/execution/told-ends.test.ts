// What a cluster tells of an end, on the rows: reason, bill, next attempt, and what the customer reads.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Observed } from "../../../domain/execution/spec.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { charge } from "../../../domain/money/charge.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { type LifeWorld, lifeWorld, MINUTE } from "../../testing/life.ts";
import { expectSound } from "../../testing/sound.ts";
import { getJob } from "../job/get-job.ts";

const HOUR = 60 * MINUTE;
const SILENT: Observed = {
  ...{ state: "ended", exitCode: null, cause: "ssh-silent", endedAt: new Date(0) },
  detail: "node.example:30022 does not answer the broker with SSH.",
};
let world: LifeWorld;
beforeAll(async () => {
  world = await lifeWorld();
}, 60_000);
beforeEach(() => world.empty());
afterAll(() => world[Symbol.asyncDispose]());

const sees = async (id: ExecutionId, observed: Observed) => {
  world.deps.cluster.seen.set(id, observed);
  world.rings.push({ name: "execution.reconcile", payload: { id } });
  await world.settleRings();
};
const messages = async (id: JobId) => (await world.events(id)).map(({ message }) => message).join("\n");

test("a door that stays silent fails the start, costs nothing, and the job is tried on another provider", async () => {
  await world.provider();
  await world.provider();
  const renter = await world.customer(1);
  world.deps.cluster.onApply = { state: "starting" };
  const { jobId, executionId } = await world.rent(renter);
  await world.settleRings();
  world.deps.cluster.onApply = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_023, user: "root" } };
  await sees(executionId, SILENT);
  expect(await world.execution(executionId)).toMatchObject({ status: "failed", reason: "ssh-silent", startedAt: null });
  const job = await getJob(world.deps, renter, jobId);
  expect(job).toMatchObject({ status: "running", cost_so_far: "0.000000" });
  expect(await messages(jobId)).toContain(SILENT.state === "ended" ? SILENT.detail : "");
  expect(await world.codes(jobId)).toContain("placed-again");
  expect(await expectSound(world.db)).toEqual([]);
});

test("a worker that starts anew and hears no door yet turns nothing that runs into anything else", async () => {
  await world.provider();
  const { executionId } = await world.rent(await world.customer(1));
  await world.settleRings();
  const before = await world.execution(executionId);
  expect(before.status).toBe("running");
  for (const observed of [{ state: "starting" } as const, SILENT]) {
    await sees(executionId, observed);
    const { status, reason, startedAt, endedAt, endpointPort } = await world.execution(executionId);
    expect({ status, reason, startedAt, endedAt, endpointPort }).toEqual({
      ...{ status: "running", reason: null, startedAt: before.startedAt, endedAt: null },
      endpointPort: before.endpointPort,
    });
  }
});

test.each([-1, 1])(
  "a machine whose clock is %d hours off ends nothing outside its life, and the bill is for no more",
  async (hours) => {
    await world.provider();
    const renter = await world.customer(1);
    const { jobId, executionId } = await world.rent(renter);
    await world.settleRings();
    await world.listen(10 * MINUTE);
    const endedAt = new Date(world.deps.clock.now().getTime() + hours * HOUR);
    await sees(executionId, { state: "ended", exitCode: 137, cause: "out-of-memory", detail: "", endedAt });
    const row = await world.execution(executionId);
    if (!row.startedAt || !row.endedAt) throw new Error("no life");
    expect(row.endedAt >= row.startedAt && row.endedAt <= world.deps.clock.now()).toBe(true);
    const { rate } = await world.job(jobId);
    const cost = formatMicros(charge(rate, row.startedAt, row.endedAt));
    expect(await getJob(world.deps, renter, jobId)).toMatchObject({ cost_so_far: cost });
    expect(await expectSound(world.db)).toEqual([]);
  },
);

test("an SSH that answers elsewhere is shown where it answers, and the customer is told once", async () => {
  await world.provider();
  const renter = await world.customer(1);
  const { jobId, executionId } = await world.rent(renter);
  await world.settleRings();
  const moved: Observed = { state: "ready", endpoint: { host: "127.0.0.1", port: 31_999, user: "root" } };
  await sees(executionId, moved);
  await sees(executionId, moved);
  expect((await getJob(world.deps, renter, jobId)).ssh).toMatchObject({ port: 31_999 });
  expect((await world.codes(jobId)).filter((code) => code === "endpoint-changed")).toHaveLength(1);
});
