// What is shown of batch jobs, on a real PostgreSQL: to whose they are, and nothing before its time.
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import type { Principal } from "../../../domain/account/principal.ts";
import type { ExecutionId, JobId, ProviderId } from "../../../domain/ids.ts";
import type { Verdict } from "../../../domain/job/batch.ts";
import { batchExecutions, batchJobs, batchResults } from "../../../drizzle/schema/batch.ts";
import { BatchBody } from "../../../protocol/batch.ts";
import { RentalBody } from "../../../protocol/operations/job.ts";
import { submitEither } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, START, type World } from "../../testing/world.ts";
import { listEntries } from "../billing/get-billing.ts";
import { getAnyJob } from "../job/any-job.ts";
import { followLogs } from "../job/follow-logs.ts";
import { listJobEvents } from "../job/list-job-events.ts";
import { listJobs } from "../job/list-jobs.ts";
import { readLogs } from "../job/read-logs.ts";
import { findBatch, listExecutions } from "./get-batch.ts";
import { submitBatch } from "./submit-batch.ts";

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

/** A job that was given to two providers, as dispatch leaves it; what they delivered is there. */
async function panel(customer: Principal, decided: boolean): Promise<{ id: JobId; providers: ProviderId[] }> {
  const chosen = [await world.provider(), await world.provider()];
  const { id: submitted } = await submitBatch(world.deps, customer, body({ files: ["out"] }), null);
  const [row] = await world.db.select().from(batchJobs).where(sql`id = ${submitted}`);
  const id = row?.id ?? "job_";
  const executions: ExecutionId[] = [];
  for (const [index, providerId] of chosen.entries()) {
    const execution = world.deps.ids.next("exec");
    executions.push(execution);
    await world.db.insert(batchExecutions).values({
      ...{ id: execution, jobId: id, providerId, number: index + 1, ownerGroup: providerId, proven: index === 0 },
      ...{ rate: 10_000n, status: "succeeded", cpuCores: 1, memoryGb: 1, diskGb: 5, createdAt: START },
      ...{ startedAt: START, endedAt: START, deadlineAt: START, runMs: 12, exitCode: 0, detail: "all 42 of it" },
      ...{ digest: "d".repeat(64), resultHash: "e".repeat(64), vote: "agreed", weight: 9 },
    });
    await world.db.insert(batchResults).values({
      ...{ executionId: execution, stdout: "forty-two\n", stderr: "line 1\nline 2\n", signature: "", at: START },
      files: [{ path: "out", content: Buffer.from("12345").toString("base64") }],
    });
  }
  const verdict: Verdict = {
    ...{ kind: "accepted", reason: null, digest: "d".repeat(64), credibility: 0.99, votes: 2, recalledAt: null },
    ...{ sentence: "Two owners agreed.", recheck: null },
  };
  await world.db
    .update(batchJobs)
    .set({
      ...{ status: "verifying", copiesWanted: 0, waitingSince: null, startedAt: START },
      ...(decided && {
        ...{ status: "completed", verdict, decidedAt: START, nextLookAt: null },
        resultExecutionId: executions[0],
      }),
    })
    .where(sql`id = ${id}`);
  return { id, providers: chosen };
}

describe("looking", () => {
  test("a list has the beginning of a long input, and the job itself all of it", async () => {
    const customer = await world.customer(1);
    await world.provider();
    await world.provider();
    const input = "é".repeat(100_000);
    const { id } = await submitBatch(world.deps, customer, body({ input_data: input }), null);
    const { jobs } = await listJobs(world.deps, customer, {});
    expect(jobs).toMatchObject([{ id, input_data: "é".repeat(1024) }]);
    expect(await findBatch(world.deps, customer, `job_${id.slice("job_".length)}`)).toMatchObject({
      input_data: input,
    });
  });
  test("before the verdict nothing that was delivered is shown, to anyone, anywhere", async ({ signal }) => {
    const customer = await world.customer(1);
    const { id, providers: chosen } = await panel(customer, false);
    const seen = {
      job: await getAnyJob(world.deps, customer, id),
      list: await listJobs(world.deps, customer, {}),
      executions: await listExecutions(world.deps, customer, id),
      logs: await readLogs(world.deps, customer, id, { tailLines: null, signal }),
    };
    const text = JSON.stringify(seen);
    for (const secret of ["forty-two", "line 1", "d".repeat(64), "e".repeat(64), "all 42", "agreed", '"out","bytes"'])
      expect(text, secret).not.toContain(secret);
    expect(seen.executions.executions.map(({ node_id, revealed, proven }) => [node_id, revealed, proven])).toEqual([
      [chosen[0], false, true],
      [chosen[1], false, false],
    ]);
    expect(seen.logs).toEqual({ logs: "", truncated: false });
    expect(seen.job).toMatchObject({ status: "verifying", waiting: null, queue_position: null, executions_count: 2 });
  });

  test("with the verdict come result, digests, votes, files and logs", async ({ signal }) => {
    const customer = await world.customer(1);
    const { id } = await panel(customer, true);
    expect(await findBatch(world.deps, customer, id)).toMatchObject({
      status: "completed",
      result: "forty-two\n",
      completed_at: START.toISOString(),
      verdict: { kind: "accepted", sentence: "Two owners agreed.", votes: 2, decided_at: START.toISOString() },
    });
    const { executions, count } = await listExecutions(world.deps, customer, id);
    expect(count).toBe(2);
    expect(executions[1]).toMatchObject({
      revealed: true,
      result: "forty-two\n",
      result_hash: "e".repeat(64),
      digest: "d".repeat(64),
      vote: "agreed",
      logs: "line 1\nline 2\n",
      files: [{ path: "out", bytes: 5 }],
    });
    expect(await readLogs(world.deps, customer, id, { tailLines: 1, signal })).toEqual({
      logs: "line 2\n",
      truncated: true,
    });
    const news = [];
    for await (const one of await followLogs(world.deps, customer, id, { tailLines: null, after: null, signal }))
      news.push(one.kind === "text" ? one.text : one.kind);
    expect(news).toEqual(["reset", "line 1\nline 2\n", "end"]);
  });

  test("a follower of the log hears it with the verdict", async ({ signal }) => {
    const customer = await world.customer(1);
    const { id } = await panel(customer, false);
    let wake = () => {};
    const wakes = {
      wait: async () => {},
      subscribe: (_topic: string, onWake: () => void) => {
        wake = onWake;
        return () => {};
      },
    };
    const asked = { tailLines: null, after: null, signal };
    const news = (await followLogs({ ...world.deps, wakes }, customer, id, asked))[Symbol.asyncIterator]();
    const first = news.next();
    await world.db.execute(sql`update batch_jobs set status = 'failed', decided_at = now() where id = ${id}`);
    wake();
    expect((await first).value).toEqual({ kind: "reset", truncated: false });
    expect((await news.next()).value).toMatchObject({ kind: "text", text: "line 1\nline 2\n" });
  });

  test("a stranger finds no job, no events and no logs, and an empty panel", async ({ signal }) => {
    const customer = await world.customer(1);
    const stranger = await world.customer(2);
    const { id } = await panel(customer, true);
    const missing = { code: "not-found" };
    await expect(getAnyJob(world.deps, stranger, id)).rejects.toMatchObject(missing);
    await expect(listJobEvents(world.deps, stranger, id, {})).rejects.toMatchObject(missing);
    await expect(readLogs(world.deps, stranger, id, { tailLines: null, signal })).rejects.toMatchObject(missing);
    await expect(followLogs(world.deps, stranger, id, { tailLines: null, after: null, signal })).rejects.toMatchObject(
      missing,
    );
    for (const [who, what] of [
      [stranger, id],
      [customer, "anything"],
      [customer, world.deps.ids.next("job")],
    ] as const)
      expect(await listExecutions(world.deps, who, what)).toEqual({
        job_id: what,
        executions: [],
        count: 0,
        next_cursor: null,
      });
  });

  test("the broker's own checks are shown to nobody, not even to whose job they are about", async ({ signal }) => {
    const customer = await world.customer(1);
    const { id } = await panel(customer, true);
    for (const purpose of ["canary", "audit", "recheck"]) {
      await world.db.execute(sql`update batch_jobs set purpose = ${purpose}`);
      expect(await findBatch(world.deps, customer, id)).toBeNull();
      expect((await listExecutions(world.deps, customer, id)).count).toBe(0);
      expect((await listJobs(world.deps, customer, {})).count).toBe(0);
      await expect(listJobEvents(world.deps, customer, id, {})).rejects.toMatchObject({ code: "not-found" });
      const asked = { tailLines: null, signal };
      await expect(readLogs(world.deps, customer, id, asked)).rejects.toMatchObject({ code: "not-found" });
    }
  });

  test("a long result is shown with its job, and left out of lists", async () => {
    const customer = await world.customer(1);
    const { id } = await panel(customer, true);
    await world.db.update(batchResults).set({ stdout: "x".repeat(5_000) });
    expect((await findBatch(world.deps, customer, id))?.result).toHaveLength(5_000);
    const { jobs } = await listJobs(world.deps, customer, {});
    expect(jobs[0]).not.toHaveProperty("result");
  });

  test("a job that failed says why, and what to do", async () => {
    const customer = await world.customer(1);
    const { id } = await panel(customer, false);
    await world.db.execute(
      sql`update batch_jobs set status = 'failed', reason = 'unresolved', decided_at = now() where id = ${id}`,
    );
    const job = await findBatch(world.deps, customer, id);
    expect(job?.error_message).toMatch(/Not enough owners agreed.*submit it again/);
    expect(job?.reason).toMatchObject({ code: "unresolved", fault: "nobody", suggests: null });
  });

  test("where accounts take turns, one job of a small account waits behind none of a large one's", async () => {
    await world.provider();
    const [large, small] = [await world.customer(1), await world.customer(2)];
    for (let n = 0; n < 5; n++) {
      await submitBatch(world.deps, large, body(), null);
      world.pass(1_000);
    }
    expect((await submitBatch(world.deps, small, body(), null)).queue_position).toBe(0);
    expect((await submitBatch(world.deps, large, body(), null)).queue_position).toBe(6);
    const { jobs } = await listJobs(world.deps, large, {});
    expect(jobs.map((job) => (job.kind === "batch" ? job.queue_position : null))).toEqual([6, 5, 4, 3, 2, 0]);
  });

  test("both kinds are in one list, newest first, by pages, by kind and by status", async () => {
    await world.provider();
    const customer = await world.customer(1);
    const rental = { kind: "rental", gpu_type: GPU_MODEL, duration_hours: 1, ssh_public_key: KEY };
    const made: string[] = [];
    for (let n = 0; n < 6; n++) {
      const one = n % 3 === 0 ? RentalBody.parse(rental) : body({ name: `job ${n}` });
      made.unshift((await submitEither(world.deps, customer, one, null)).id);
      world.pass(1_000);
    }
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listJobs(world.deps, customer, { limit: 2, cursor });
      expect(page.count).toBe(2);
      listed.push(...page.jobs.map(({ id }) => id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    expect(listed).toEqual(made);
    const kinds = async (query: Parameters<typeof listJobs>[2]) =>
      (await listJobs(world.deps, customer, query)).jobs.map(({ kind }) => kind);
    expect(await kinds({ kind: "rental" })).toEqual(["rental", "rental"]);
    expect(await kinds({ kind: "batch" })).toEqual(["batch", "batch", "batch", "batch"]);
    expect(await kinds({ status: "pending" })).toHaveLength(6);
    expect(await kinds({ status: "verifying" })).toEqual([]);
    expect(await kinds({ status: "expired" })).toEqual([]);
    expect(await kinds({ status: "stopping", kind: "batch" })).toEqual([]);
    const entries = await listEntries(world.deps, customer, {});
    expect(new Set(entries.entries.map(({ job_id }) => job_id))).toEqual(new Set([...made, null]));
    expect(await expectSound(world.db)).toEqual([]);
  });
});
