// A job of the seed from its command line to its verdict, run by workers of the seed, over real HTTP.
import { createHash } from "node:crypto";
import { eq, inArray, sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { batchExecutions } from "../../drizzle/schema/batch.ts";
import { externalWorkers } from "../../drizzle/schema/external-worker.ts";
import { dockerLog, type SeedRun, seedCli, seedDashboard, seedWorker } from "../testing/seed-clients.ts";
import { openWire, type Wire } from "../testing/wire.ts";
import { address } from "../testing/world.ts";
import { openAnonymousAccount } from "../usecases/account/open-account.ts";
import { dispatchBatch } from "../usecases/batch/dispatch-batch.ts";

let wire: Wire;
beforeEach(async () => {
  wire = await openWire({ settings: { anonymousAccount: address(900) } });
  await openAnonymousAccount(wire.deps);
});
afterEach(() => wire[Symbol.asyncDispose]());

type SeedWorker = ReturnType<typeof seedWorker>;
const HELLO = { name: "hello", image: "alpine:latest", command: ["echo", "hello"] };
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

async function fleet(count: number): Promise<SeedWorker[]> {
  const all = Array.from({ length: count }, (_, at) => seedWorker(wire.ask, `worker-00${at + 1}`));
  for (const worker of all) await worker.register();
  return all;
}

/** Who has something to run: an empty poll would wait for seconds. */
async function asked(workers: readonly SeedWorker[]): Promise<SeedWorker[]> {
  const rows = await wire.world.db
    .select({ id: externalWorkers.nodeId })
    .from(batchExecutions)
    .innerJoin(externalWorkers, eq(externalWorkers.providerId, batchExecutions.providerId))
    .where(inArray(batchExecutions.status, ["scheduled", "running"]));
  return workers.filter(({ id }) => rows.some((row) => row.id === id));
}

/** Gives out and runs until nobody has anything to do. @param outcome what a worker's container writes, and how it ends */
async function work(workers: readonly SeedWorker[], outcome: (worker: SeedWorker) => SeedRun): Promise<void> {
  for (let round = 0; round < 50; round++) {
    await dispatchBatch(wire.deps);
    const busy = await asked(workers);
    if (busy.length === 0) return;
    for (const worker of busy)
      for (const given of await worker.poll()) {
        wire.world.pass(1_000);
        const answer = await worker.deliver(given, outcome(worker));
        expect(answer.json, worker.id).toEqual({ status: "accepted" });
      }
  }
  throw new Error("it never comes to an end");
}

test("a job that two of three workers agree on is completed with what they wrote", async () => {
  const workers = await fleet(3);
  const cli = seedCli(wire.ask);
  const { id, name, status } = await cli.submit(HELLO);
  expect([name, status]).toEqual(["hello", "pending"]);
  expect((await cli.list()).map((job) => job.status)).toEqual(["pending"]);
  await work(workers, () => ({ log: dockerLog("hello") }));
  const { result, error, executions, ...job } = await cli.get(id);
  expect([job.status, result, error]).toEqual(["completed", "hello", null]);
  expect(job.completed).not.toBeNull();
  const done = executions.filter((each) => each.status === "succeeded");
  expect(done).toHaveLength(2);
  expect(new Set(done.map(({ hash }) => hash)).size).toBe(1);
  const ran = (await cli.nodes()).map(({ jobs }) => jobs).sort();
  expect(ran).toEqual([0, 1, 1]);
  const { jobs, stats } = await seedDashboard(wire.ask, "http://127.0.0.1:5173");
  expect(jobs).toMatchObject([{ id, status: "completed", result: "hello", consensus: 2, redundancy: 3 }]);
  expect(stats.jobs).toEqual({ total: 1, completed: 1, running: 0, failed: 0 });
});

test("what is handed out has all that a worker needs, is running, and is handed out again to who lost it", async () => {
  const workers = await fleet(3);
  const json = { ...HELLO, docker_image: HELLO.image, image: undefined, environment: { COLOUR: "red" } };
  const { id } = (await wire.ask("/api/v1/jobs", { json })).json;
  await dispatchBatch(wire.deps);
  const [worker] = await asked(workers);
  const [first] = (await worker?.poll()) ?? [];
  expect(first).toMatchObject({
    jobId: id,
    job: {
      ...{ docker_image: "alpine:latest", command: ["echo", "hello"], environment: { COLOUR: "red" }, input_data: "" },
      ...{ required_cpu: 1, required_memory: 1, required_gpu: false, submitted_by: "user" },
    },
  });
  expect(await worker?.poll()).toMatchObject([{ executionId: first?.executionId }]);
  expect((await seedCli(wire.ask).get(id)).status).toBe("running");
  const shown = (await wire.ask(`/api/v1/nodes/${worker?.id}`)).json;
  expect([shown.status, shown.current_job_id]).toEqual(["busy", undefined]);
  expect((await wire.ask("/stats")).json).toMatchObject({ nodes: { total: 3, busy: 2 }, jobs: { running: 1 } });
});

test("who waits for work is told as soon as there is some", async () => {
  const workers = await fleet(2);
  const polls = workers.map((worker) => worker.poll());
  await new Promise((resolve) => setTimeout(resolve, 300));
  await seedCli(wire.ask).submit(HELLO);
  await dispatchBatch(wire.deps);
  // A poll that nobody tells ends with nothing: it looks again only when it is told.
  expect((await Promise.all(polls)).map((pending) => pending.length)).toEqual([1, 1]);
});

test("of nine workers one lies: no job has its answer, and its score falls behind the others'", async () => {
  const workers = await fleet(9);
  const cli = seedCli(wire.ask);
  for (let job = 0; job < 12; job++) await cli.submit({ ...HELLO, name: `job ${job}` });
  await work(workers, ({ id }) => ({ log: dockerLog(id === "worker-005" ? "a lie" : "hello") }));
  const all = await Promise.all(
    (await wire.ask("/api/v1/jobs")).json.jobs.map((job: { id: string }) => cli.get(job.id)),
  );
  expect(all.map(({ status, result }) => [status, result])).toEqual(all.map(() => ["completed", "hello"]));
  const nodes = await cli.nodes();
  const liar = nodes.find(({ id }) => id === "worker-005");
  const others = nodes.filter(({ id }) => id !== "worker-005");
  expect(liar?.reputation).toBeLessThanOrEqual(100);
  expect(Math.min(...others.map(({ reputation }) => reputation))).toBeGreaterThanOrEqual(100);
  const { berth } = (await wire.ask("/stats")).json;
  expect(berth).toMatchObject({ owners_online: 9, queue_length: 0 });
  expect(berth.verified_executions).toBe(others.reduce((sum, { reputation }) => sum + (reputation - 100) / 5, 0));
  expect(berth.agreement_rate).toBeGreaterThan(0.8);
}, 120_000);

test("the same exit code from two owners is the job's own fault", async () => {
  const workers = await fleet(3);
  const { id } = await seedCli(wire.ask).submit(HELLO);
  await work(workers, () => ({ log: dockerLog("no such file"), exitCode: 2 }));
  const job = await seedCli(wire.ask).get(id);
  expect(job.status).toBe("failed");
  expect(job.error).toContain("2");
  expect((await seedCli(wire.ask).nodes()).map(({ reputation }) => reputation)).toEqual([100, 100, 100]);
});

describe("a result that is none", () => {
  /** One execution that was handed out, and what becomes of it. */
  async function given() {
    const workers = await fleet(3);
    const { id } = await seedCli(wire.ask).submit(HELLO);
    await dispatchBatch(wire.deps);
    const [worker] = await asked(workers);
    const [pending] = (await worker?.poll()) ?? [];
    if (!worker || !pending) throw new Error("nothing was handed out");
    const body = { execution_id: pending.executionId, job_id: pending.jobId, node_id: worker.id };
    const good = { ...body, result: "hello", result_hash: sha256("hello"), error_message: "", logs: "" };
    const ended = async () => {
      const [row] = await wire.world.db
        .select({ status: batchExecutions.status, end: batchExecutions.endCause })
        .from(batchExecutions)
        .where(sql`${batchExecutions.jobId} = ${pending.jobId} and ${batchExecutions.id} = ${pending.executionId}`);
      return row;
    };
    const send = (over: Record<string, unknown>) => worker.post("/api/v1/worker/result", { ...good, ...over });
    return { workers, worker, pending, id, good, send, ended };
  }

  test.each([
    ["a hash of other text", { result_hash: sha256("other") }, "wrong-hash"],
    ["no hash", { result_hash: "" }, "wrong-hash"],
    ["a hash in capitals", { result_hash: sha256("hello").toUpperCase() }, "wrong-hash"],
    ["NUL in the result", { result: "a\0b", result_hash: sha256("a\0b") }, "not-text"],
    ["bytes that JSON cannot say", { result: "a\ufffd", result_hash: sha256("a") }, "not-text"],
    ["too much", { result: "x".repeat(1_100_000), result_hash: sha256("x".repeat(1_100_000)) }, "too-large"],
    ["its five minutes", { result: "", result_hash: "", error_message: "Execution timeout (5 minutes)" }, "timed-out"],
    ["its own trouble", { result: "", result_hash: "", error_message: "failed to pull image: \0" }, "infrastructure"],
  ])("with %s fails the execution alone, and says how", async (_name, over, end) => {
    const { send, ended } = await given();
    expect((await send(over)).json).toEqual({ status: "accepted" });
    expect(await ended()).toEqual({ status: "failed", end });
  });

  test("the same again is accepted again, another one after it is refused, and neither changes what was kept", async () => {
    const { send, ended } = await given();
    expect((await send({})).status).toBe(200);
    expect((await send({})).status).toBe(200);
    const other = await send({ result: "other", result_hash: sha256("other") });
    expect([other.status, other.json.code]).toEqual([409, "conflict"]);
    expect(await ended()).toEqual({ status: "succeeded", end: null });
  });

  test("somebody else's execution, or one of another job, is not found, and nothing of it changes", async () => {
    const { workers, worker, send, ended, good } = await given();
    const stranger = workers.find((each) => each.id !== worker.id);
    expect((await send({ job_id: `job_${"0".repeat(26)}` })).status).toBe(404);
    const stolen = await stranger?.post("/api/v1/worker/result", { ...good, node_id: stranger.id });
    expect([stolen?.status, stolen?.json.code]).toEqual([404, "not-found"]);
    expect(await ended()).toEqual({ status: "running", end: null });
  });

  test("one that comes after the verdict is accepted, and changes neither the job nor anybody's score", async () => {
    const { workers, worker, pending, id } = await given();
    const others = workers.filter((each) => each.id !== worker.id);
    for (const other of await asked(others)) await other.deliver(...(await delivery(other)));
    await dispatchBatch(wire.deps); // nobody waits for the first one any more
    await wire.ask(`/api/v1/jobs/${id}`, { method: "DELETE" });
    const before = await seedCli(wire.ask).get(id);
    expect((await worker.deliver(pending, { log: dockerLog("late") })).json).toEqual({ status: "accepted" });
    const { status, result, error } = await seedCli(wire.ask).get(id);
    expect({ status, result, error }).toEqual({ status: "cancelled", result: null, error: before.error });
    const nodes = await seedCli(wire.ask).nodes();
    expect(nodes.map(({ reputation }) => reputation)).toEqual([100, 100, 100]);
  });
});

/** The one thing that a worker was given, run well. */
async function delivery(worker: SeedWorker): Promise<Parameters<SeedWorker["deliver"]>> {
  const [given] = await worker.poll();
  if (!given) throw new Error(`${worker.id} was given nothing`);
  return [given, { log: dockerLog("hello") }];
}

test("a command of no words is submitted and handed out as it is", async () => {
  const workers = await fleet(2);
  await seedCli(wire.ask).submit({ ...HELLO, command: [] });
  await dispatchBatch(wire.deps);
  const [worker] = await asked(workers);
  expect(await worker?.poll()).toMatchObject([{ job: { command: [] } }]);
});

test("a job of a GPU waits: such workers give their containers none", async () => {
  const workers = await fleet(3);
  const json = { name: "gpu", docker_image: "cuda", command: [], required_gpu: true };
  const submitted = await wire.ask("/api/v1/jobs", { json });
  await dispatchBatch(wire.deps);
  expect(await asked(workers)).toEqual([]);
  expect([201, 409]).toContain(submitted.status);
});
