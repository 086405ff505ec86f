// The intake of batch jobs on a real PostgreSQL: once per key, to the micro, and nothing shown before its time.
import { getTableColumns, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import type { Principal } from "../../../domain/account/principal.ts";
import { batchJobs, providerEvidence } from "../../../drizzle/schema/batch.ts";
import { BatchBody } from "../../../protocol/batch.ts";
import { JobBody, RentalBody } from "../../../protocol/operations/job.ts";
import { submitEither } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, START, type World } from "../../testing/world.ts";
import { getBilling, listEntries } from "../billing/get-billing.ts";
import { extendJob } from "../job/extend-job.ts";
import { listJobEvents } from "../job/list-job-events.ts";
import { estimateBatch, submitBatch } from "./submit-batch.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
beforeEach(async () => {
  world.rings.length = 0;
  await world.db.execute(
    sql`truncate accounts, providers, gpus, offers, jobs, executions, holds, postings, entries, events, idempotency,
      provider_presence, batch_jobs, batch_executions, batch_results, provider_evidence cascade`,
  );
});
afterAll(() => world[Symbol.asyncDispose]());

function body(over: Partial<z.input<typeof BatchBody>> = {}): BatchBody {
  return BatchBody.parse({ kind: "batch", name: "sum", docker_image: "alpine:3", command: ["true"], ...over });
}
const fieldsOf = (fields: readonly string[]) => ({
  code: "bad-request",
  extras: { fields: fields.map((field) => expect.objectContaining({ field })) },
});

describe("submitting", () => {
  test("a batch job that its account has is there, and told to be none that hours are added to", async () => {
    await world.provider({ perCpuHour: 36_000n });
    const customer = await world.customer(1);
    await submitBatch(world.deps, customer, body(), null);
    const [job] = await world.db.select().from(batchJobs);
    const extend = (by: Principal) => extendJob(world.deps, by, job!.id, 1, null);
    await expect(extend(customer)).rejects.toMatchObject({ code: "conflict" });
    await expect(extend(await world.customer(2))).rejects.toMatchObject({ code: "not-found" });
  });

  test("holds rate × timeout × redundancy, promotion first, and wakes whoever gives out machines", async () => {
    await world.provider({ perCpuHour: 36_000n });
    const customer = await world.customer(1);
    const job = await submitBatch(world.deps, customer, body({ timeout_seconds: 100, redundancy: 3 }), null);
    expect(job).toMatchObject({
      status: "pending",
      price_per_hour: "0.036000",
      held: "0.003000",
      credits_required: 1,
      queue_position: 0,
      executions_count: 0,
      verdict: null,
    });
    expect(job.waiting).toContain("2 machines of distinct owners");
    expect(world.rings).toEqual([{ name: "batch.dispatch", payload: {} }]);
    const [row] = await world.db.select().from(batchJobs);
    expect(row).toMatchObject({
      copiesWanted: 2,
      heldPromotion: 3_000n,
      heldCash: 0n,
      waitingSince: START,
      nextLookAt: new Date(START.getTime() + 600_000),
      purpose: "customer",
      anonymous: false,
    });
    const entries = await listEntries(world.deps, customer, { job_id: row?.id });
    expect(entries.entries.map(({ kind, book, amount }) => [kind, book, amount])).toEqual([
      ["hold", "held", "0.003000"],
      ["hold", "available", "-0.003000"],
    ]);
    expect((await getBilling(world.deps, customer)).held).toBe("0.003000");
    const { events } = await listJobEvents(world.deps, customer, row?.id ?? "job_", {});
    expect(events.map(({ code }) => code)).toEqual(["submitted"]);
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("asks for as few copies as can decide, or for redundancy at once where it is eager", async () => {
    await world.provider();
    const customer = await world.customer(1);
    await submitBatch(world.deps, customer, body({ name: "eager", dispatch: "eager", redundancy: 5 }), null);
    await submitBatch(world.deps, customer, body({ name: "high", assurance: "high" }), null);
    await submitBatch(world.deps, customer, body({ name: "single", consensus: 1 }), null);
    const rows = await world.db.select({ name: batchJobs.name, copies: batchJobs.copiesWanted }).from(batchJobs);
    expect(Object.fromEntries(rows.map(({ name, copies }) => [name, copies]))).toEqual({
      eager: 5,
      high: 3,
      single: 1,
    });
  });

  test("20 twins with one key make one job and one hold; another body under it is refused, of whichever kind", async () => {
    await world.provider();
    const customer = await world.customer(1);
    const jobs = await Promise.all(
      Array.from({ length: 20 }, () => submitBatch(world.deps, customer, body(), "twins-1")),
    );
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    const rental = RentalBody.parse({
      kind: "rental",
      gpu_type: GPU_MODEL,
      duration_hours: 1,
      ssh_public_key: KEY,
    });
    for (const other of [body({ name: "other" }), rental])
      await expect(submitEither(world.deps, customer, other, "twins-1")).rejects.toMatchObject({
        code: "idempotency-mismatch",
      });
    const [count] = await world.db.execute(sql`select count(*)::int as jobs from batch_jobs`);
    expect(count).toEqual({ jobs: 1 });
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("a twin gets its job although no machine is left that could run it", async () => {
    const provider = await world.provider();
    const customer = await world.customer(1);
    const first = await submitBatch(world.deps, customer, body(), "late-1");
    await world.db.execute(sql`delete from offers where provider_id = ${provider}`);
    expect((await submitBatch(world.deps, customer, body(), "late-1")).id).toBe(first.id);
  });

  test("what cannot be paid is refused and leaves nothing", async () => {
    await world.provider();
    const poor = await world.customer(1, 10n);
    await expect(submitBatch(world.deps, poor, body(), "poor-1")).rejects.toMatchObject({ code: "insufficient-funds" });
    const [row] = await world.db.execute(sql`select (select count(*) from batch_jobs)::int as jobs,
      (select count(*) from idempotency)::int as keys, (select count(*) from events)::int as events`);
    expect(row).toEqual({ jobs: 0, keys: 0, events: 0 });
    expect(world.rings).toEqual([]);
  });

  test("10 submits at once hold no more than there is", async () => {
    await world.provider({ perCpuHour: 36_000n });
    const customer = await world.customer(1, 35_000n); // each holds 9 000
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => submitBatch(world.deps, customer, body(), null)),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(await expectSound(world.db)).toEqual([]);
  });

  test("fields that do not go together are named, and nothing is written", async () => {
    await world.provider();
    const customer = await world.customer(1);
    const wrong: [Partial<z.input<typeof BatchBody>>, string[]][] = [
      [{ consensus: 4 }, ["consensus"]],
      [{ dispatch: "eager", redundancy: 2, consensus: 3 }, ["consensus"]],
      [{ assurance: "high", redundancy: 2 }, ["redundancy"]],
      [{ comparator: { kind: "files" } }, ["files"]],
      [{ files: ["a", "a"] }, ["files"]],
      [{ required_gpu: true, gpu_count: 0 }, ["gpu_count"]],
      [{ gpu_type: GPU_MODEL, gpu_count: 0 }, ["gpu_type"]],
      [{ reusable: true, network: true, environment: { A: "1" } }, ["reusable"]],
    ];
    for (const [over, fields] of wrong)
      await expect(submitBatch(world.deps, customer, body(over), null), fields.join()).rejects.toMatchObject(
        fieldsOf(fields),
      );
    const [row] = await world.db.execute(sql`select count(*)::int as jobs from batch_jobs`);
    expect(row).toEqual({ jobs: 0 });
  });

  test("the values of its environment are sealed, and shown to nobody", async () => {
    await world.provider();
    const customer = await world.customer(1);
    const job = await submitBatch(world.deps, customer, body({ environment: { TOKEN: "s3cret", B: "x" } }), null);
    expect(job.environment).toEqual({ TOKEN: "", B: "" });
    const [row] = await world.db.execute<{ row: string }>(sql`select j::text as row from batch_jobs j`);
    expect(row?.row).not.toContain("s3cret");
    const [stored] = await world.db.select({ sealed: batchJobs.sealedEnv }).from(batchJobs);
    expect(JSON.parse(world.deps.secrets.open(stored?.sealed ?? ""))).toEqual({ TOKEN: "s3cret", B: "x" });
  });

  test("an account has a bounded number of jobs that are not decided", async () => {
    await world.provider();
    const customer = await world.customer(77); // of no other test: how many it has is remembered for a while
    const other = await world.customer(1);
    const { id } = await submitBatch(world.deps, other, body(), null);
    const names = Object.values(getTableColumns(batchJobs)).map(({ name }) => name);
    const same = names.filter((name) => name !== "id" && name !== "account").map((name) => sql.identifier(name));
    const copied = sql.join(same, sql`, `);
    await world.db.execute(sql`
      insert into batch_jobs (id, account, ${copied})
      select 'job_0' || lpad(n::text, 25, '0'), ${customer.account}::text, ${copied}
      from batch_jobs j, generate_series(1, 20000) n where j.id = ${id}`);
    await expect(submitBatch(world.deps, customer, body(), null)).rejects.toMatchObject({ code: "limit-reached" });
    await submitBatch(world.deps, other, body(), null);
    await world.db.execute(sql`update batch_jobs set decided_at = now() where id = 'job_0' || lpad('7', 25, '0')`);
    await submitBatch(world.deps, customer, body(), null);
    await expect(submitBatch(world.deps, customer, body(), null)).rejects.toMatchObject({ code: "limit-reached" });
  });
});

describe("the price", () => {
  test("is what the dearest fitting offer asks, but at most twice the median", async () => {
    for (const perCpuHour of [10_000n, 12_000n, 20_000n, 900_000n]) await world.provider({ perCpuHour });
    const customer = await world.customer(1);
    expect((await submitBatch(world.deps, customer, body(), null)).price_per_hour).toBe("0.020000");
  });

  test("is the customer's limit where there is one, whatever the market asks", async () => {
    const customer = await world.customer(1);
    const job = await submitBatch(world.deps, customer, body({ max_price: "0.500000" }), null);
    expect(job).toMatchObject({ price_per_hour: "0.500000", held: "0.125000" });
  });

  test("counts neither the customer's own machines, nor unapproved nor quarantined ones", async () => {
    const customer = await world.customer(1);
    await world.provider({ perCpuHour: 50_000n, owner: customer.account });
    const pending = await world.provider({ perCpuHour: 60_000n });
    await world.db.execute(sql`update offers set admission = 'pending' where provider_id = ${pending}`);
    const caught = await world.provider({ perCpuHour: 70_000n });
    await world.db.insert(providerEvidence).values({ providerId: caught, at: START, quarantinedAt: START });
    await expect(submitBatch(world.deps, customer, body(), null)).rejects.toMatchObject({ code: "no-capacity" });
    await world.provider({ perCpuHour: 40_000n });
    await world.provider({ perCpuHour: 41_000n });
    expect((await submitBatch(world.deps, customer, body(), null)).price_per_hour).toBe("0.041000");
  });

  test("a job that no machine could ever run is refused, and each filter says what it keeps away", async () => {
    await world.provider({ cpuCores: 8 });
    await world.provider({ cpuCores: 128, gpus: 2 });
    const customer = await world.customer(1);
    await expect(submitBatch(world.deps, customer, body({ required_cpu: 256 }), null)).rejects.toMatchObject({
      code: "no-capacity",
      extras: { removed: { cpu_cores: 2 } },
    });
    await expect(
      submitBatch(world.deps, customer, body({ gpu_type: "none such", gpu_count: 1 }), null),
    ).rejects.toMatchObject({ code: "no-capacity", extras: { removed: { gpu_type: 2 } } });
  });

  test("machines that are busy or away now still count: the job waits for them", async () => {
    const provider = await world.provider({ gpus: 1 });
    const customer = await world.customer(1);
    await world.db.execute(
      sql`update offers set free_gpus = 0, free_cpu_cores = 0, available = false where provider_id = ${provider}`,
    );
    const job = await submitBatch(world.deps, customer, body({ required_gpu: true }), null);
    expect(job).toMatchObject({ status: "pending", gpu_count: 1, required_gpu: true, gpu_model: null });
  });

  test("an anonymous account is priced and placed where there is a sandbox only", async () => {
    await world.provider({ sandboxed: false });
    const customer: Principal = { ...(await world.customer(1)), via: "anonymous" };
    await expect(submitBatch(world.deps, customer, body(), null)).rejects.toMatchObject({
      code: "no-capacity",
      extras: { removed: { sandbox: 1 } },
    });
    await world.provider({ sandboxed: true });
    await submitBatch(world.deps, customer, body(), null);
    const [row] = await world.db.select({ anonymous: batchJobs.anonymous }).from(batchJobs);
    expect(row).toEqual({ anonymous: true });
  });
});

describe("the estimate", () => {
  test("names what submitting then holds, at the price it then has, and writes nothing", async () => {
    for (const perCpuHour of [10_000n, 12_000n]) await world.provider({ perCpuHour });
    const customer = await world.customer(1);
    const estimate = await estimateBatch(world.deps, customer, body());
    expect(estimate).toMatchObject({ owners: 2, owners_free: 2, quorum: 2, notices: [] });
    const job = await submitBatch(world.deps, customer, body(), null);
    expect([estimate.price_per_hour, estimate.hold]).toEqual([job.price_per_hour, job.held]);
  });

  test("says where there are fewer owners than have to agree, and where nobody is free", async () => {
    const owner = "0x00000000000000000000000000000000000000aa";
    const one = await world.provider({ owner });
    await world.provider({ owner });
    expect((await estimateBatch(world.deps, null, body())).notices).toEqual([
      "Only one owner has a machine that fits, and 2 have to agree: unless others come within 600 s, it ends without a result, uncharged.",
    ]);
    await world.provider();
    await world.db.execute(sql`update offers set free_cpu_cores = 0 where provider_id <> ${one}`);
    expect((await estimateBatch(world.deps, null, body())).notices).toEqual([
      "2 owners have machines that fit. One of them has one free now, and 2 are needed: it waits up to 600 s for more.",
    ]);
  });

  test("says what a higher price and a login would bring, and that one result is no proof", async () => {
    await world.provider({ perCpuHour: 10_000n });
    await world.provider({ perCpuHour: 90_000n });
    await world.provider({ sandboxed: false });
    const anonymous: Principal = { ...(await world.customer(1)), via: "anonymous" };
    const { notices } = await estimateBatch(world.deps, anonymous, body({ consensus: 1, max_price: "0.020000" }));
    expect(notices).toHaveLength(3);
    expect(notices.join("\n")).toMatch(/unverified[\s\S]*1 machine more would run it at a higher[\s\S]*sandbox/);
  });
});

test("the seed's submit is a batch job with its defaults, and every field that its clients print is there", async () => {
  await world.provider();
  await world.db.execute(sql`with p as (update providers set runtime = 'docker') update offers set runtime = 'docker'`);
  const customer = await world.customer(1);
  const seed = JobBody.parse({ name: "n", docker_image: "alpine", command: [], required_cpu: 0, priority: "high" });
  const job = await submitEither(world.deps, customer, seed, null);
  expect(job).toMatchObject({
    ...{ kind: "batch", redundancy: 3, consensus: 2, required_cpu: 1, required_memory: 1, required_gpu: false },
    ...{ description: "", input_data: "", environment: {}, command: [], status: "pending" },
    ...{ submitted_by: customer.account, submitted_at: START.toISOString() },
  });
});
