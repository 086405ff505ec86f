// What a program with the seed's own types makes of our answers: a field of another type spoils the whole answer for it.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isId, type ProviderId } from "../../domain/ids.ts";
import { providerEvidence } from "../../drizzle/schema/batch.ts";
import { dockerLog, seedWorker } from "../testing/seed-clients.ts";
import { openWire, type Wire } from "../testing/wire.ts";
import { address } from "../testing/world.ts";
import { openAnonymousAccount } from "../usecases/account/open-account.ts";
import { dispatchBatch } from "../usecases/batch/dispatch-batch.ts";

let wire: Wire;
let workers: ReturnType<typeof seedWorker>[];
beforeAll(async () => {
  wire = await openWire({ settings: { anonymousAccount: address(900) } });
  await openAnonymousAccount(wire.deps);
  workers = ["one", "two", "three"].map((id) => seedWorker(wire.ask, id));
  for (const worker of workers) await worker.register();
});
afterAll(() => wire[Symbol.asyncDispose]());

async function idOf(node: string): Promise<ProviderId> {
  const { provider_id: id } = (await wire.ask(`/api/v1/nodes/${node}`)).json;
  if (!isId("prov", id)) throw new Error(`${node} is no provider`);
  return id;
}

const HELLO = { name: "hello", docker_image: "alpine:latest", command: ["echo", "hello"] };
const INTEGERS = ["required_cpu", "required_memory", "redundancy", "consensus", "credits_required"];
const NODE_INTEGERS = [
  "cpu_cores",
  "memory_gb",
  "total_jobs_run",
  "successful_jobs_run",
  "failed_jobs",
  "credits_earned",
];
const fractions = (of: Record<string, unknown>, names: readonly string[]) =>
  names.filter((name) => !Number.isInteger(of[name]));

test("every number of a job that the seed's types hold as an integer is one", async () => {
  const submitted = (await wire.ask("/api/v1/jobs", { json: HELLO })).json;
  await wire.ask(`/api/v1/jobs/${submitted.id}`, { method: "DELETE" });
  const [listed] = (await wire.ask("/api/v1/jobs")).json.jobs;
  for (const job of [submitted, listed, (await wire.ask(`/api/v1/jobs/${submitted.id}`)).json]) {
    expect(fractions(job, INTEGERS)).toEqual([]);
    expect(job.credits_required).toBe(1);
  }
});

test("every refusal has its words in `error`, a string, at every door and for whoever is wrong", async () => {
  const [one] = workers;
  const result = { execution_id: "e", job_id: "j", node_id: "one" };
  const refusals = [
    [400, "/api/v1/jobs", { json: { name: "no image" } }],
    [400, "/api/v1/jobs", { raw: "{", headers: { "content-type": "application/json" } }],
    [400, "/api/v1/nodes/register", { json: { id: "x" } }],
    [400, `/api/v1/nodes/${one?.id}/heartbeat`, { json: { cpu_usage: "much" } }],
    [401, "/api/v1/nodes/register", { json: {}, headers: { authorization: "Basic eDp5" } }],
    [404, "/api/v1/nodes/nobody", {}],
    [404, "/api/v1/nodes/nobody/pending-jobs", {}],
    [404, "/api/v1/worker/result", { json: result }],
    [404, "/api/v1/nothing", {}],
    [413, "/api/v1/worker/result", { json: { ...result, result: "x".repeat(2_100_000) } }],
    [421, "/stats", { headers: { host: "elsewhere.example" } }],
  ] as const;
  for (const [status, path, how] of refusals) {
    const refused = await wire.ask(path, how);
    expect([refused.status, refused.json.error], path).toEqual([status, refused.json.detail]);
    expect(refused.json.error, path).toMatch(/\S/);
  }
});

test("what can be no job's id is a job that does not exist, with a panel of nobody", async () => {
  for (const id of ["nonsense", "5f0c7a52-1111-4222-8333-0123456789ab", "job_0"]) {
    const job = await wire.ask(`/api/v1/jobs/${id}`);
    expect([job.status, job.json.error]).toEqual([404, "the job does not exist"]);
    expect((await wire.ask(`/api/v1/jobs/${id}/executions`)).json).toMatchObject({ executions: [], count: 0 });
  }
});

test("executions name their nodes as /nodes does, and their hash is that of the result, beside a result only", async () => {
  for (const [exitCode, status] of [
    [0, "succeeded"],
    [7, "failed"],
  ] as const) {
    const { id } = (await wire.ask("/api/v1/jobs", { json: HELLO })).json;
    for (let round = 0; round < 2; round++) {
      await dispatchBatch(wire.deps);
      for (const worker of workers) {
        const busy = (await wire.ask(`/api/v1/nodes/${worker.id}`)).json.status === "busy";
        const given = busy ? await worker.poll() : []; // an empty poll would wait for seconds
        for (const each of given) await worker.deliver(each, { log: dockerLog("hello"), exitCode });
      }
    }
    const { executions } = (await wire.ask(`/api/v1/jobs/${id}/executions`)).json;
    expect(executions.length).toBeGreaterThan(1);
    for (const { node_id, provider_id, ...execution } of executions) {
      expect(workers.map((worker) => worker.id)).toContain(node_id);
      expect((await wire.ask(`/api/v1/nodes/${node_id}`)).json.provider_id).toBe(provider_id);
      const hash = exitCode === 0 ? createHash("sha256").update("hello").digest("hex") : undefined;
      expect([execution.status, execution.result_hash]).toEqual([status, hash]);
    }
    const job = (await wire.ask(`/api/v1/jobs/${id}`)).json;
    const [result, error] = exitCode === 0 ? ["hello", undefined] : [undefined, expect.stringContaining("7")];
    expect([job.result, job.error_message]).toEqual([result, error]);
  }
});

test("every number of a node is an integer where the seed's types hold one, and a verified result is a credit", async () => {
  const known = { jobsRun: 7, jobsGood: 3, at: wire.deps.clock.now() };
  await wire.world.db
    .insert(providerEvidence)
    .values({ providerId: await idOf("two"), ...known })
    .onConflictDoUpdate({ target: providerEvidence.providerId, set: known });
  const nodes = (await wire.ask("/api/v1/nodes")).json.nodes;
  for (const node of nodes) expect(fractions(node, NODE_INTEGERS), node.id).toEqual([]);
  const two = (await wire.ask("/api/v1/nodes/two")).json;
  expect([two.total_jobs_run, two.successful_jobs_run, two.credits_earned]).toEqual([7, 3, 3]);
});

test("every number of a job that is handed out is an integer, and its environment an object", async () => {
  await wire.ask("/api/v1/jobs", { json: HELLO });
  await dispatchBatch(wire.deps);
  const given: { json: { pending_jobs: { execution_id: string; job: Record<string, unknown> }[]; count: number } }[] =
    [];
  for (const { id } of workers)
    if ((await wire.ask(`/api/v1/nodes/${id}`)).json.status === "busy")
      given.push(await wire.ask(`/api/v1/nodes/${id}/pending-jobs`));
  expect(given.length).toBeGreaterThan(0);
  for (const { json } of given) {
    expect(json.count).toBe(json.pending_jobs.length);
    for (const { execution_id, job } of json.pending_jobs) {
      expect(execution_id).toMatch(/^exec_/);
      expect(fractions(job, INTEGERS)).toEqual([]);
      expect(job).toMatchObject({ credits_required: 1, environment: {} });
    }
  }
});

test("a worker that names no region, or an empty one, is of an unknown one, and what it says of its load is any number", async () => {
  const json = {
    id: "nowhere",
    name: "Nowhere",
    region: "",
    cpu_cores: 1,
    memory_gb: 1,
    gpu_enabled: false,
    gpu_model: "",
  };
  expect((await wire.ask("/api/v1/nodes/register", { json })).json).toMatchObject({ id: "nowhere", region: "unknown" });
  const load = { cpu_usage: 137.25, memory_usage: 0.125, active_jobs: 3 };
  expect((await wire.ask("/api/v1/nodes/nowhere/heartbeat", { json: load })).json).toEqual({ status: "ok" });
});

test("a region as long as the seed keeps it is taken, shown and searched", async () => {
  const region = "a region with a name of more than thirty-two characters";
  const json = { id: "far", name: "Far", region, cpu_cores: 1, memory_gb: 1, gpu_model: "x".repeat(255) };
  expect((await wire.ask("/api/v1/nodes/register", { json })).json.region).toBe(region);
  const found = await wire.ask(`/api/v1/nodes?region=${encodeURIComponent(region)}`);
  expect(found.json.nodes.map(({ id }: { id: string }) => id)).toEqual(["far"]);
});
