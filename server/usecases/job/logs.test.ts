// What a job wrote, whoever keeps it: read at its end, and followed until it is over.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { walletPrincipal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ExecutionStatus } from "../../../domain/execution/state.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { executions, jobs } from "../../../drizzle/schema/job.ts";
import { providers } from "../../../drizzle/schema/provider.ts";
import { type PostgresWakes, postgresWakes } from "../../adapters/wakes/postgres-wakes.ts";
import type { Inside, LogOptions } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { insertAttempt } from "../../repos/jobs.ts";
import { logStore } from "../../repos/logs.ts";
import { GPU_MODEL, openWorld, START, type World } from "../../testing/world.ts";
import { followLogs, type LogNews } from "./follow-logs.ts";
import { type LogDeps, MOST_BYTES, readLogs } from "./read-logs.ts";
import { rentGpu } from "./rent-gpu.ts";

type Owner = ReturnType<typeof walletPrincipal>;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl";

let world: World;
let wakes: PostgresWakes;
let owner: Owner;
let customers = 0;
beforeAll(async () => {
  world = await openWorld();
  wakes = await postgresWakes(world.url, world.deps.log);
  owner = await world.customer(++customers, 100_000_000n);
});
afterAll(async () => {
  await wakes.close();
  await world[Symbol.asyncDispose]();
});

/** A pod that writes when told to, and can be away, or gone. */
class Pod implements Inside {
  written = "";
  state: "there" | "unavailable" | "conflict" = "there";
  readonly asked: LogOptions[] = [];
  #woken = () => {};
  /** ends the streams that are open, as a pod that ends or a connection that breaks does */
  cut = new AbortController();

  write(text: string) {
    this.written += text;
    this.#woken();
  }
  hangUp() {
    this.cut.abort();
    this.cut = new AbortController();
    this.#woken();
  }
  async *logs(_at: unknown, options: LogOptions): AsyncGenerator<string> {
    this.asked.push(options);
    if (this.state !== "there") throw new AppError(this.state, "The pod is away.");
    const { signal: cut } = this.cut;
    const lines = this.written.split(/(?<=\n)/);
    let shown = this.written.length;
    const past = options.tailLines === null ? this.written : lines.slice(-options.tailLines).join("");
    if (past) yield past;
    while (options.follow && !options.signal.aborted && !cut.aborted) {
      if (this.written.length === shown)
        await new Promise<void>((resolve) => {
          this.#woken = resolve;
          options.signal.addEventListener("abort", () => resolve(), { once: true });
        });
      const fresh = this.written.slice(shown);
      shown = this.written.length;
      if (fresh) yield fresh;
    }
  }
  exec = () => Promise.reject(new Error("this test runs nothing"));
  connect = () => Promise.reject(new Error("this test connects to nothing"));
}

interface Rented {
  readonly id: JobId;
  readonly execution: ExecutionId;
  readonly pod: Pod;
  readonly deps: LogDeps;
  move(status: ExecutionStatus, settled?: boolean): Promise<void>;
  append(text: string, offset?: number): Promise<number>;
}

async function rented(kind: "agent" | "node", status: ExecutionStatus = "running"): Promise<Rented> {
  const providerId = await world.provider({ gpus: 1 });
  const wish = {
    ...{ name: "test", providerId, gpuModel: GPU_MODEL, gpuCount: 1, cpuCores: 1, memoryGb: 1, diskGb: 1 },
    ...{ hours: 1, maxRate: null, image: "ubuntu:24.04", template: null, minVramMb: 0, command: null, httpPort: null },
    ...{ env: {}, sshPublicKeys: [KEY] },
  };
  const { jobId: id } = await rentGpu(world.deps, owner, wish, { key: null, request: null });
  const [job] = await world.db.select().from(jobs).where(eq(jobs.id, id));
  if (!job) throw new Error("no job");
  const pod = new Pod();
  if (kind === "node")
    await world.db.update(providers).set({ runtime: "kubernetes" }).where(eq(providers.id, providerId));
  const move = async (to: ExecutionStatus, settled = false) => {
    const now = world.deps.clock.now();
    await world.db.transaction(async (tx) => {
      const startedAt = to === "scheduled" || to === "starting" ? null : START;
      const over = { endedAt: now, reason: "killed" } as const;
      await tx
        .update(executions)
        .set({ status: to, startedAt, ...(settled ? over : {}) })
        .where(eq(executions.id, job.executionId));
      if (settled) await tx.update(jobs).set({ settledAt: now, reason: "killed" }).where(eq(jobs.id, id));
      await recordEvent(tx, { subject: id, code: "moved", message: to, at: now });
    });
  };
  await move(status);
  return {
    ...{ id, execution: job.executionId, pod, move },
    deps: { ...world.deps, wakes, inside: { ...world.deps.inside, pods: kind === "node" ? pod : null } },
    append: (text, offset = 0) => logStore(world.db).append(job.executionId, offset, text, world.deps.clock.now()),
  };
}

const read = ({ deps, id }: Rented, tailLines: number | null = null) =>
  readLogs(deps, owner, id, { tailLines, signal: new AbortController().signal });

/** Follows, and lets a test wait for what must come. */
async function following({ deps, id }: Rented, after: string | null = null, tailLines: number | null = null) {
  const stop = new AbortController();
  const news: LogNews[] = [];
  const stream = await followLogs(deps, owner, id, { after, tailLines, signal: stop.signal });
  const done = (async () => {
    for await (const one of stream) news.push(one);
  })();
  return {
    news,
    done,
    /** what somebody who does as the stream says would have before them */
    text: () =>
      news.reduce((text, one) => (one.kind === "text" ? text + one.text : one.kind === "reset" ? "" : text), ""),
    resets: () => news.filter(({ kind }) => kind === "reset").length,
    place: () => news.findLast((one) => one.kind === "text")?.place ?? null,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

const eventually = (look: () => unknown, wanted: unknown) => expect.poll(look, { timeout: 20_000 }).toEqual(wanted);
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => `line ${from + n}\n`).join("");

describe("reading", () => {
  test("before it runs it is empty, and no error", async () => {
    for (const kind of ["agent", "node"] as const)
      expect(await read(await rented(kind, "starting"))).toEqual({ logs: "", truncated: false });
  });
  test("it is the end of what was written, 200 lines where nobody says how many", async () => {
    const agent = await rented("agent");
    await agent.append(lines(1, 300));
    expect(await read(agent)).toEqual({ logs: lines(101, 300), truncated: true });
    expect(await read(agent, 2)).toEqual({ logs: lines(299, 300), truncated: true });
    expect(await read(agent, 300)).toEqual({ logs: lines(1, 300), truncated: false });
  });
  test("the last lines of much are the same, however much there is before them", async () => {
    const agent = await rented("agent");
    await agent.append(lines(1, 20_000));
    expect((await read(agent, 3)).logs).toBe(lines(19_998, 20_000));
    expect((await read(agent, 10_000)).logs).toBe(lines(10_001, 20_000));
  });
  test("of a pod it is read where it is, and cut where there is more than was asked for", async () => {
    const node = await rented("node");
    node.pod.write(lines(1, 5));
    expect(await read(node, 3)).toEqual({ logs: lines(3, 5), truncated: true });
    expect(await read(node, 5)).toEqual({ logs: lines(1, 5), truncated: false });
  });
  test("one answer is at most a mebibyte", async () => {
    const node = await rented("node");
    node.pod.write(`${"é".repeat(MOST_BYTES)}\n`);
    const { logs, truncated } = await read(node);
    expect(truncated).toBe(true);
    expect(Buffer.byteLength(logs)).toBeLessThanOrEqual(MOST_BYTES);
  });
  test("a pod that is away, or over, leaves what is kept; where nothing is, being away is said", async () => {
    const node = await rented("node");
    node.pod.state = "unavailable";
    await expect(read(node)).rejects.toMatchObject({ code: "unavailable" });
    node.pod.state = "conflict";
    expect((await read(node)).logs).toBe("");
    await node.append("its last words\n");
    for (const state of ["unavailable", "conflict"] as const) {
      node.pod.state = state;
      expect((await read(node)).logs).toBe("its last words\n");
    }
    await node.move("failed", true);
    node.pod.state = "there";
    expect((await read(node)).logs).toBe("its last words\n");
  });
  test("what was lost in between is said in its place, and what is not kept any more is truncated", async () => {
    const agent = await rented("agent");
    await agent.append("one\n", 100);
    await agent.append("two\n", 200);
    expect(await read(agent)).toEqual({
      logs: "one\n--- Berth: a part of the log was lost here ---\ntwo\n",
      truncated: true,
    });
  });
  test("a job that was placed again shows where the attempt before ended, and what came after", async () => {
    const agent = await rented("agent", "failed");
    await agent.append("no driver");
    const newest = await placedAgain(agent);
    await logStore(world.db).append(newest, 0, "welcome\n", START);
    expect((await read(agent)).logs).toMatch(
      /^no driver\n--- Berth: attempt 1, on provider-\d+, ended here\. The provider could not start it\. ---\nwelcome\n$/,
    );
  });
  test("another account's is not found, neither read nor followed", async () => {
    const agent = await rented("agent");
    const stranger = await world.customer(++customers);
    const signal = new AbortController().signal;
    const asked = { tailLines: null, after: null, signal };
    await expect(readLogs(agent.deps, stranger, agent.id, asked)).rejects.toMatchObject({ code: "not-found" });
    await expect(followLogs(agent.deps, stranger, agent.id, asked)).rejects.toMatchObject({ code: "not-found" });
  });
});

async function placedAgain({ id, execution }: Rented): Promise<ExecutionId> {
  const newest = world.deps.ids.next("exec");
  await world.db.transaction(async (tx) => {
    const [row] = await tx.select().from(executions).where(eq(executions.id, execution));
    if (!row) throw new Error("no execution");
    await tx.update(executions).set({ reason: "start-failed", settled: true }).where(eq(executions.id, execution));
    await insertAttempt(tx, { ...row, id: newest, attempt: 2, status: "running", startedAt: START, version: 0 });
    await recordEvent(tx, { subject: id, code: "placed-again", message: "again", at: START });
  });
  return newest;
}

describe("following what an agent sends", () => {
  test("it is told as it comes, then that it is over", async () => {
    const agent = await rented("agent", "starting");
    const follower = await following(agent);
    await eventually(follower.resets, 1);
    let end = await agent.append("one\n");
    await eventually(follower.text, "one\n");
    await agent.move("running");
    end = await agent.append("two\n", end);
    await eventually(follower.text, "one\ntwo\n");
    await agent.move("stopped", true);
    await agent.append("its last words\n", end); // agents tell of the end first
    await follower.done;
    expect(follower.text()).toBe("one\ntwo\nits last words\n");
    expect(follower.news.at(-1)).toEqual({ kind: "end" });
    expect(follower.resets()).toBe(1);
  });
  test("whoever comes back goes on where they were: nothing twice, nothing lost", async () => {
    const agent = await rented("agent");
    let end = await agent.append(lines(1, 3));
    const first = await following(agent);
    await eventually(first.text, lines(1, 3));
    await first.stop();
    end = await agent.append(lines(4, 400), end);
    const again = await following(agent, first.place());
    await eventually(again.text, lines(4, 400));
    expect(again.resets()).toBe(0);
    await agent.append(lines(401, 401), end);
    await eventually(again.text, lines(4, 401));
    await again.stop();
  });
  test("a place in another execution begins anew, and so does one that is none", async () => {
    const agent = await rented("agent");
    await agent.append(lines(1, 3));
    for (const after of [`${world.deps.ids.next("exec")}.4`, "17", "exec_x.1"]) {
      const follower = await following(agent, after);
      await eventually(follower.text, lines(1, 3));
      expect(follower.resets()).toBe(1);
      await follower.stop();
    }
  });
  test("a job that is placed again is followed to its next execution", async () => {
    const agent = await rented("agent", "failed");
    await agent.append("no driver\n");
    const follower = await following(agent);
    await eventually(follower.text, "no driver\n");
    const newest = await placedAgain(agent);
    await logStore(world.db).append(newest, 0, "welcome\n", START);
    await eventually(() => follower.text().endsWith("welcome\n"), true);
    expect(follower.text()).toMatch(/^no driver\n--- Berth: attempt 1.*---\nwelcome\n$/);
    await follower.stop();
  });
  test("of what was over long ago it tells the end and is over at once", async () => {
    const agent = await rented("agent");
    await agent.append("done\n");
    await agent.move("stopped", true);
    world.pass(3_600_000);
    const follower = await following(agent);
    await follower.done;
    expect(follower.news.map(({ kind }) => kind)).toEqual(["reset", "text", "end"]);
  });
});

describe("following a pod", () => {
  test("it is told as it comes, from the moment it runs until it is over", async () => {
    const node = await rented("node", "starting");
    const follower = await following(node);
    await eventually(follower.resets, 1);
    node.pod.write("hello\n");
    await node.move("running");
    await eventually(follower.text, "hello\n");
    node.pod.write("world\n");
    await eventually(follower.text, "hello\nworld\n");
    await node.append("hello\nworld\n"); // the worker keeps its end
    await node.move("stopped", true);
    node.pod.hangUp();
    await follower.done;
    expect(follower.text()).toBe("hello\nworld\n");
    expect(follower.news.at(-1)).toEqual({ kind: "end" });
  });
  test("a connection that breaks begins anew with what came meanwhile", async () => {
    const node = await rented("node");
    node.pod.write(lines(1, 300));
    const follower = await following(node, null, 2);
    await eventually(follower.text, lines(299, 300));
    node.pod.hangUp();
    node.pod.write(lines(301, 600));
    await eventually(follower.text, lines(1, 600));
    await follower.stop();
    expect(node.pod.asked.map(({ tailLines }) => tailLines)).toEqual([2, 10_000]);
  }, 30_000);
  test("whoever comes back begins anew with more than the usual lines", async () => {
    const node = await rented("node");
    node.pod.write(lines(1, 300));
    const first = await following(node, null, 2);
    await eventually(first.text, lines(299, 300));
    await first.stop();
    const again = await following(node, first.place(), 2);
    await eventually(again.text, lines(1, 300));
    expect(again.news[0]).toMatchObject({ kind: "reset" });
    await again.stop();
  });
  test("what a broken connection missed of its end is told from what was kept", async () => {
    const node = await rented("node");
    node.pod.write("hello\n");
    const follower = await following(node);
    await eventually(follower.text, "hello\n");
    node.pod.state = "unavailable";
    node.pod.hangUp();
    await node.append("hello\nand then it failed\n");
    await node.move("failed", true);
    await follower.done;
    expect(follower.text()).toBe("hello\nand then it failed\n");
  });
  test("a stream that outlives its execution is given up", async () => {
    const node = await rented("node");
    node.pod.write("hello\n");
    const follower = await following(node);
    await eventually(follower.text, "hello\n");
    await node.move("failed", true);
    await follower.done;
    expect(follower.news.at(-1)).toEqual({ kind: "end" });
  }, 30_000);
});
