// Batch executions on the way of heartbeats: what an answer tells a machine, and what a report tells the broker.
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BatchExecutionStatus } from "../../../domain/execution/batch-state.ts";
import type { ExecutionId, JobId, ProviderId } from "../../../domain/ids.ts";
import type { BatchStatus } from "../../../domain/job/batch.ts";
import { registryLogins } from "../../../drizzle/schema/account.ts";
import { batchExecutions, batchJobs } from "../../../drizzle/schema/batch.ts";
import { gpus } from "../../../drizzle/schema/provider.ts";
import { agentStore } from "../../repos/agent-store.ts";
import { listGone } from "../../repos/batch-news.ts";
import { listDesired } from "../../repos/desired.ts";
import { OWNER, RENTER, START } from "../../testing/provider-world.ts";
import { type BeatWorld, beatWorld, machine } from "./testing/beats.ts";

let world: BeatWorld;
beforeAll(async () => {
  world = await beatWorld();
});
afterAll(() => world.close());
beforeEach(() => world.empty());

async function job(status: BatchStatus = "scheduled", account = RENTER): Promise<JobId> {
  const id = world.deps.ids.next("job");
  await world.db.insert(batchJobs).values({
    ...{ id, account, purpose: "customer", anonymous: false, name: "hash", description: "", image: "busybox" },
    ...{
      command: ["sha256sum"],
      sealedEnv: world.deps.secrets.seal('{"A":"1"}'),
      inputData: "hello\n",
      files: ["out"],
    },
    ...{ cpuCores: 1, memoryGb: 2, diskGb: 5, gpuCount: 1, redundancy: 3, consensus: 2, assurance: "standard" },
    ...{ dispatch: "lazy", comparator: { kind: "exact" }, network: false, reusable: false, timeoutSeconds: 60 },
    ...{
      queueTimeoutSeconds: 600,
      rate: 1n,
      heldCash: 0n,
      heldPromotion: 0n,
      status,
      copiesWanted: 0,
      createdAt: START,
    },
  });
  return id;
}

let groups = 0;
async function execution(
  jobId: JobId,
  providerId: ProviderId,
  status: BatchExecutionStatus = "scheduled",
): Promise<ExecutionId> {
  const id = world.deps.ids.next("exec");
  const [row] = await world.db.select({ n: sql<number>`count(*)::int` }).from(batchExecutions);
  await world.db.insert(batchExecutions).values({
    ...{
      id,
      jobId,
      providerId,
      number: (row?.n ?? 0) + 1,
      ownerGroup: `group-${groups++}`,
      rate: 1n,
      status,
      proven: false,
    },
    ...{ cpuCores: 1, memoryGb: 2, diskGb: 5, createdAt: START, deadlineAt: new Date(START.getTime() + 90_000) },
  });
  return id;
}

const rowOf = async (id: ExecutionId) =>
  (await world.db.select().from(batchExecutions).where(eq(batchExecutions.id, id)))[0];
const jobOf = async (id: JobId) => (await world.db.select().from(batchJobs).where(eq(batchJobs.id, id)))[0];
const at = (ms: number) => new Date(START.getTime() + ms).toISOString();

describe("what a machine is told", () => {
  test("a live batch execution is answered with all it needs to run, its environment opened and its GPUs named", async () => {
    const providerId = await world.provider();
    const jobId = await job();
    const id = await execution(jobId, providerId);
    await world.db.update(gpus).set({ executionId: id }).where(eq(gpus.index, 1));
    const { executions } = await world.say(providerId, 1);
    expect(executions).toEqual([
      {
        ...{ id, job_id: jobId, provider_id: providerId, kind: "batch", image: "busybox", command: ["sha256sum"] },
        ...{ input_data: "hello\n", files: ["out"], network: false, cpu_cores: 1, memory_mb: 2048, disk_gb: 5 },
        registry_login: null,
        ...{ gpu_uuids: [`GPU-${providerId}-1`], env: { A: "1" }, timeout_seconds: 60, deadline: at(90_000) },
      },
    ]);
  });

  test("what has ended, what is another's, a pod and a third-party worker's are not answered", async () => {
    const [mine, other] = [await world.provider(), await world.provider()];
    const [node, worker] = [
      await world.provider({ runtime: "kubernetes" }),
      await world.provider({ runtime: "external" }),
    ];
    for (const status of ["succeeded", "failed", "stopped", "lost"] as const)
      await execution(await job(), mine, status);
    await execution(await job(), other);
    await execution(await job(), node);
    await execution(await job(), worker);
    expect((await world.say(mine, 1)).executions).toEqual([]);
    expect((await world.say(other, 1)).executions).toHaveLength(1);
    const told = await listDesired(world.db, [node, worker], START);
    expect(told.map(({ batch }) => batch)).toEqual([[], []]);
  });

  test("a login goes to a machine with containers alone, for its image's registry, and not once it has begun", async () => {
    const login = (registry: string, password: string) => ({
      ...{ id: world.deps.ids.next("reg"), account: RENTER, registry, username: "me", createdAt: START },
      sealedPassword: world.deps.secrets.seal(password),
    });
    await world.db
      .insert(registryLogins)
      .values([login("docker.io", "right"), login("ghcr.io", "of another registry")]);
    const [machineId, plain] = [await world.provider({ runtime: "docker" }), await world.provider()];
    const jobId = await job();
    const mine = await execution(jobId, machineId);
    const strangers = await execution(await job("scheduled", OWNER), machineId);
    await execution(jobId, plain);
    const told = async (seq: number, state: "starting" | "running") => {
      const report = state === "running" ? { id: mine, state, started_at: at(0) } : { id: mine, state };
      const change = { machine: machine(machineId, { runtime: "docker" }), executions: [report] };
      const { executions } = await world.say(machineId, seq, change);
      return new Map(executions.map((one) => [one.id, one.registry_login]));
    };
    const right = { registry: "docker.io", username: "me", password: "right" };
    expect([...(await told(1, "starting"))]).toEqual([
      [mine, right],
      [strangers, null],
    ]);
    expect((await world.say(plain, 1)).executions).toMatchObject([{ registry_login: null }]);
    expect((await told(2, "running")).get(mine)).toBeNull();
  });

  test("rentals and batch executions are told side by side", async () => {
    const providerId = await world.provider();
    const rental = await world.execution({ providerId });
    await world.put(providerId, rental);
    const id = await execution(await job(), providerId);
    const { executions } = await world.say(providerId, 1);
    expect(executions.map((one) => [one.id, one.kind])).toEqual([
      [rental, "rental"],
      [id, "batch"],
    ]);
  });

  test("a suspended machine is told to run nothing", async () => {
    const providerId = await world.provider({ admission: "suspended" });
    await execution(await job(), providerId);
    expect((await world.say(providerId, 1)).executions).toEqual([]);
  });

  test("who says that it has begun is not sent the input again; who is only starting is", async () => {
    const providerId = await world.provider();
    const id = await execution(await job(), providerId);
    const inputAfter = async (seq: number, state: "starting" | "running") => {
      const report = state === "running" ? { id, state, started_at: at(0) } : { id, state };
      const { executions } = await world.say(providerId, seq, { executions: [report] });
      return executions.map((one) => (one.kind === "batch" ? one.input_data : null));
    };
    expect(await inputAfter(1, "starting")).toEqual(["hello\n"]);
    expect(await inputAfter(2, "running")).toEqual([""]);
  });
});

describe("what a report tells", () => {
  test("one that runs begins once, with its job, at the time the machine said", async () => {
    const providerId = await world.provider();
    const jobId = await job();
    const id = await execution(jobId, providerId);
    world.pass(5000);
    await world.say(providerId, 1, { executions: [{ id, state: "running", started_at: at(2000) }] });
    expect(await rowOf(id)).toMatchObject({ status: "running", startedAt: new Date(at(2000)) });
    expect(await jobOf(jobId)).toMatchObject({ status: "running", startedAt: new Date(at(2000)) });
    expect(await world.codes(jobId)).toEqual(["started"]);
    await world.say(providerId, 2, { executions: [{ id, state: "running", started_at: at(4000) }] });
    expect(await rowOf(id)).toMatchObject({ startedAt: new Date(at(2000)) });
    expect(await world.codes(jobId)).toEqual(["started"]);
  });

  test("what began is given up a minute after its machine had to end it, whatever it was given to start", async () => {
    const providerId = await world.provider();
    const jobId = await job();
    const id = await execution(jobId, providerId);
    const late = new Date(at(3_600_000));
    await world.db.update(batchExecutions).set({ deadlineAt: late });
    await world.db.update(batchJobs).set({ timeoutSeconds: 10, nextLookAt: late });
    world.pass(5000);
    await world.say(providerId, 1, { executions: [{ id, state: "running", started_at: at(2000) }] });
    expect((await rowOf(id))?.deadlineAt).toEqual(new Date(at(2000 + 10_000 + 60_000)));
    expect((await jobOf(jobId))?.nextLookAt).toEqual(new Date(at(72_000)));
  });

  test("a start that lies ahead, or before it was given out, is not believed", async () => {
    const providerId = await world.provider();
    const [ahead, before] = [await execution(await job(), providerId), await execution(await job(), providerId)];
    world.pass(5000);
    await world.say(providerId, 1, {
      executions: [
        { id: ahead, state: "running", started_at: at(3_600_000) },
        { id: before, state: "running", started_at: at(-3_600_000) },
      ],
    });
    expect((await rowOf(ahead))?.startedAt).toEqual(world.deps.clock.now());
    expect((await rowOf(before))?.startedAt).toEqual(START);
  });

  test("of a panel the second to begin leaves its job as it is, and a job that verifies does not run again", async () => {
    const [one, two] = [await world.provider(), await world.provider()];
    const jobId = await job();
    const [first, second] = [await execution(jobId, one), await execution(jobId, two)];
    world.pass(5000);
    await world.say(one, 1, { executions: [{ id: first, state: "running", started_at: at(1000) }] });
    await world.db.update(batchJobs).set({ status: "verifying" }).where(eq(batchJobs.id, jobId));
    await world.say(two, 1, { executions: [{ id: second, state: "running", started_at: at(3000) }] });
    expect(await rowOf(second)).toMatchObject({ status: "running" });
    expect(await jobOf(jobId)).toMatchObject({ status: "verifying", startedAt: new Date(at(1000)) });
    expect(await world.codes(jobId)).toEqual(["started"]);
  });

  test("nobody begins another's execution, and what has ended does not run again", async () => {
    const [mine, other] = [await world.provider(), await world.provider()];
    const theirs = await execution(await job(), other);
    const over = await execution(await job(), mine, "succeeded");
    const executions = [theirs, over].map((id) => ({ id, state: "running" as const, started_at: at(0) }));
    await world.say(mine, 1, { executions });
    expect(await rowOf(theirs)).toMatchObject({ status: "scheduled", startedAt: null });
    expect(await rowOf(over)).toMatchObject({ status: "succeeded", startedAt: null });
  });

  test("many machines that begin copies of the same jobs at the same moment do not lock each other out", async () => {
    const machines = await Promise.all(Array.from({ length: 6 }, () => world.provider({ models: [] })));
    const jobs: JobId[] = [];
    for (let n = 0; n < 8; n++) jobs.push(await job());
    const theirs = new Map<ProviderId, ExecutionId[]>();
    for (const id of machines) {
      const all: ExecutionId[] = [];
      for (const jobId of jobs) all.push(await execution(jobId, id));
      theirs.set(id, all.reverse());
    }
    const decide = world.db.transaction(async (tx) => {
      for (const jobId of [...jobs].sort())
        await tx.execute(sql`select from batch_jobs where id = ${jobId} for update`);
      await tx.execute(sql`update batch_executions set detail = 'decided' where status in ('scheduled', 'running')`);
    });
    const said = machines.map((id) =>
      world.say(id, 1, {
        executions: (theirs.get(id) ?? []).map((one) => ({ id: one, state: "running" as const, started_at: at(0) })),
      }),
    );
    await Promise.all([decide, ...said]);
    const rows = await world.db.select().from(batchExecutions);
    expect(rows.every(({ status }) => status === "running")).toBe(true);
    expect((await world.db.select().from(batchJobs)).every(({ status }) => status === "running")).toBe(true);
  });

  test("a machine that comes back with a live batch execution runs no ghost; with one that has ended it does", async () => {
    const [live, ghost] = [
      await world.provider({ presence: "offline" }),
      await world.provider({ presence: "offline" }),
    ];
    const id = await execution(await job(), live);
    const over = await execution(await job(), ghost, "stopped");
    await world.say(live, 1, { executions: [{ id, state: "starting" }] });
    await world.say(ghost, 1, { executions: [{ id: over, state: "starting" }] });
    expect((await world.row(live)).presence).toBe("online");
    expect((await world.row(ghost)).presence).toBe("joined");
  });

  test("reports of batch executions are nothing for who looks after rentals", async () => {
    const providerId = await world.provider();
    const rental = await world.execution({ providerId });
    const id = await execution(await job(), providerId);
    await world.say(providerId, 1, {
      executions: [
        { id, state: "starting" },
        { id: rental, state: "starting" },
      ],
    });
    const seen = await agentStore(world.db, world.deps.secrets).sightings();
    expect(seen.map(({ executionId }) => executionId)).toEqual([rental]);
  });
});

describe("what a machine no longer has", () => {
  const gone = () => listGone(world.db, world.deps.clock.now(), 100);

  test("is gone once a report that acts on the newest wish leaves it out, not within its first 30 s", async () => {
    const providerId = await world.provider();
    const jobId = await job();
    const id = await execution(jobId, providerId, "running");
    world.pass(29_000);
    await world.say(providerId, 1);
    expect(await gone()).toEqual([]);
    world.pass(2000);
    expect(await gone()).toEqual([]); // the report is older than that
    await world.say(providerId, 2);
    expect(await gone()).toEqual([{ id, jobId, providerId }]);
    await world.say(providerId, 3, { executions: [{ id, state: "starting" }] });
    expect(await gone()).toEqual([]);
  });

  test("a report that does not act on the newest wish yet says nothing", async () => {
    const providerId = await world.provider();
    await execution(await job(), providerId);
    world.pass(60_000);
    await world.put(providerId, await world.execution({ providerId }));
    await world.say(providerId, 1, { generation: 0 });
    expect(await gone()).toEqual([]);
    await world.say(providerId, 2, { generation: 1 });
    expect(await gone()).toHaveLength(1);
  });
});
