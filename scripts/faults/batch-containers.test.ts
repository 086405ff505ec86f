// Batch jobs in real containers, through a whole broker: agents of an owner each, all on one engine.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containerName } from "../../agent/runtimes/docker/options.ts";
import { busybox, openStand, type Stand } from "../../agent/runtimes/docker/testing.ts";
import { whyNoEngine } from "../../agent/runtimes/docker/testing-engines.ts";
import { isId } from "../../domain/ids.ts";
import type { BatchExecutionView, BatchJobView } from "../../protocol/batch.ts";
import { type PrivateRegistry, privateRegistry } from "../../server/testing/registry.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { type Customer, Journal, newCustomer } from "./customers.ts";
import { batchJob, panel } from "./testing/batch-jobs.ts";
import { type BatchStand, type FleetAgent, openBatchStand } from "./testing/batch-stand.ts";
import { sha256sum } from "./testing/played-runtime.ts";

const run = promisify(execFile);
const OWNERS = 4;
const CORES = 4;
/** As `docker pull alpine` would name it; it is busybox here. */
const IMAGE = "docker.io/library/alpine:latest";
const SECRET = `s3cret-${randomUUID()}`;
const KILLS = 4;
const WITHIN_MS = 120_000;

describe.skipIf(whyNoEngine)(`batch jobs in containers (skipped where: ${whyNoEngine ?? "no engine is here"})`, () => {
  let registry: PrivateRegistry;
  let engine: Stand;
  let stand: BatchStand;
  let customer: Customer;
  const agents: FleetAgent[] = [];
  const journal = new Journal();

  beforeAll(async () => {
    registry = await privateRegistry("me", SECRET, busybox);
    engine = await openStand([registry.registry]);
    engine.image(IMAGE, [], busybox);
    stand = await openBatchStand({ webs: 1, workers: 1 });
    customer = await newCustomer(stand.urls[0] ?? "", journal);
    const { socket } = engine;
    for (let n = 1; n <= OWNERS; n++)
      agents.push(await stand.agent({ name: `machine-${n}`, cores: CORES, role: "real", socket }));
  }, 180_000);
  afterAll(async () => {
    await stand?.[Symbol.asyncDispose]();
    await engine?.close();
    await registry?.[Symbol.asyncDispose]();
  }, 120_000);

  async function submit(script: string, image = "alpine", by = customer): Promise<string> {
    const { id } = await by.client.createJob({
      idempotencyKey: randomUUID(),
      body: {
        ...{ kind: "batch", name: "in a container", docker_image: image, command: ["sh", "-c", script] },
        timeout_seconds: 60,
      },
    });
    return id;
  }

  async function jobThat(is: (job: BatchJobView) => boolean, id: string, by = customer): Promise<BatchJobView> {
    for (const deadlineMs = Date.now() + WITHIN_MS; ; await sleep(100)) {
      const job = await batchJob(by, id);
      if (is(job)) return job;
      if (Date.now() > deadlineMs) throw new Error(`it does not come to that: ${JSON.stringify(job)}`);
    }
  }
  const decided = (id: string, by = customer) => jobThat(({ verdict }) => verdict !== null, id, by);

  async function panelThat(
    is: (one: BatchExecutionView) => boolean,
    id: string,
  ): Promise<readonly BatchExecutionView[]> {
    for (const deadlineMs = Date.now() + WITHIN_MS; ; await sleep(100)) {
      const all = await panel(customer, id);
      if (all.length > 1 && all.every(is)) return all;
      if (Date.now() > deadlineMs) throw new Error(`they do not come to that: ${JSON.stringify(all)}`);
    }
  }

  const nameOf = ({ id }: Pick<BatchExecutionView, "id">) => containerName(isId("exec", id) ? id : fail(id));
  const agentOf = ({ node_id: node }: BatchExecutionView) =>
    agents.find(({ providerId }) => providerId === node) ?? fail(node);
  const containers = () => engine.command("ps", "-aq", "--no-trunc");
  const volumes = () => engine.command("volume", "ls", "-q");

  test("what `berth submit` sends is run by two owners' machines in containers, and they agree", async () => {
    const env = { ...process.env, BERTH_URL: stand.urls[0], BERTH_TOKEN: customer.token };
    const command = ["--cmd", "sh", "--cmd", "-c", "--cmd", "echo hello | sha256sum"];
    const submitted = ["dist/berth.mjs", "submit", "--name", "Test", "--image", "alpine", ...command, "--wait"];
    const { stdout } = await run(process.execPath, [...submitted, "--output", "json"], { env });
    const [id = ""] = /job_[0-9a-z]{26}/.exec(stdout) ?? [];
    expect(await batchJob(customer, id)).toMatchObject({
      ...{ status: "completed", result: sha256sum("hello\n"), verdict: { kind: "accepted", votes: 2 } },
    });
    const agreed = (await panel(customer, id)).filter(({ vote }) => vote === "agreed");
    expect(new Set(agreed.map(({ node_id: node }) => node)).size).toBe(2);
    expect(agreed.map((one) => engine.starts().get(nameOf(one)))).toEqual([1, 1]);
  }, 60_000);

  test("an agent that is killed while its container runs takes it over: it runs once, and a neighbour's is left alone", async () => {
    const id = await submit("echo begun >log; sleep 6; cat log");
    const [killed, spared, ...more] = await panelThat(({ status }) => status === "running", id);
    if (!killed || !spared || more.length > 0) throw new Error("a panel of two was wanted");
    const before = engine.command("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", nameOf(spared));
    const { program } = agentOf(killed);
    await program.end("SIGKILL");
    await program.start(); // it looks for containers of its own that nobody knows
    await sleep(500);
    expect(engine.command("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", nameOf(spared))).toBe(before);
    expect(await decided(id)).toMatchObject({ status: "completed", result: "begun\n", verdict: { votes: 2 } });
    const both = await panel(customer, id);
    expect(both).toMatchObject([{ vote: "agreed" }, { vote: "agreed" }]);
    expect(both.map((one) => engine.starts().get(nameOf(one)))).toEqual([1, 1]);
  }, 120_000);

  test("killed again and again at any moment of short runs, no agent starts a container twice", async () => {
    const ids: string[] = [];
    for (let n = 0; n < KILLS; n++) {
      ids.push(await submit(`echo ${n} | sha256sum`));
      await sleep(80 + n * 120); // before it is told, while it pulls, starts, runs, delivers
      const { program } = agents[n % OWNERS] ?? fail("an agent");
      await program.end("SIGKILL");
      await program.start();
    }
    for (const [n, id] of ids.entries())
      expect(await decided(id)).toMatchObject({ status: "completed", result: sha256sum(`${n}\n`) });
    expect([...engine.starts().values()].filter((count) => count !== 1)).toEqual([]);
  }, 240_000);

  test("a cancel ends its containers", async () => {
    const id = await submit("sleep 1000");
    const running = await panelThat(({ status }) => status === "running", id);
    const there = () => running.map((one) => engine.command("ps", "-aq", "--filter", `name=${nameOf(one)}`));
    expect(there()).not.toContain("");
    await customer.client.stopJob({ params: { id } });
    expect(await batchJob(customer, id)).toMatchObject({ status: "cancelled" });
    await expect.poll(() => there().join(""), { timeout: 30_000 }).toBe("");
  }, 90_000);

  test("an image that does not exist costs nothing, and job and executions say why", async () => {
    const owner = await withLogin(SECRET);
    const before = await owner.client.getBilling({ query: {} });
    const id = await submit("true", `${registry.registry}/me/private:none`, owner);
    const job = await decided(id, owner);
    expect(job).toMatchObject({ status: "failed", cost_so_far: "0.000000" });
    expect(job.error_message).toMatch(/image/);
    for (const one of await tried(id, owner))
      expect(one).toMatchObject({ end: "image-not-found", detail: expect.stringMatching(/manifest unknown/i) });
    const { available, held } = await owner.client.getBilling({ query: {} });
    expect({ available, held }).toEqual({ available: before.available, held: before.held });
  }, 120_000);

  test("a private image is denied without the right login, and runs with it; nobody else sees the login", async () => {
    const before = registry.pulls();
    for (const stranger of [await newCustomer(stand.urls[0] ?? "", journal), await withLogin("wrong")]) {
      const id = await submit("true", registry.image, stranger);
      expect(await decided(id, stranger)).toMatchObject({ status: "failed", cost_so_far: "0.000000" });
      for (const one of await tried(id, stranger)) expect(one.end).toBe("image-denied");
    }
    expect(registry.pulls()).toBe(before);
    const owner = await withLogin(SECRET);
    const id = await submit("sha256sum </bin/busybox", registry.image, owner);
    const job = await decided(id, owner);
    expect(job).toMatchObject({ status: "completed", verdict: { kind: "accepted", votes: 2 } });
    expect(registry.pulls()).toBeGreaterThan(0);
    const { events } = await owner.client.listJobEvents({ params: { id }, query: {} });
    expect(JSON.stringify([job, await panel(owner, id), events])).not.toContain(SECRET);
    // Logs, what agents keep of executions that are over, and the broker's own tables.
    await expect.poll(() => filesWith(SECRET, stand.folder), { timeout: 30_000 }).toEqual([]);
  }, 180_000);

  test("nothing of ours is left on the engine, and all books are sound", async () => {
    await expect.poll(containers, { timeout: 30_000 }).toBe("");
    await expect.poll(volumes, { timeout: 30_000 }).toBe("");
    expect(await expectSound(stand.db)).toEqual([]);
    expect(journal.failures()).toEqual([]);
    const programs = [...stand.webs, ...stand.workers, ...agents.map(({ program }) => program)];
    expect(programs.flatMap(({ crashes }) => crashes)).toEqual([]);
  }, 90_000);

  /** Of distinct owners, and not called off before they knew. */
  async function tried(id: string, by: Customer): Promise<readonly BatchExecutionView[]> {
    const all = (await panel(by, id)).filter(({ end }) => end !== "cancelled");
    expect(all.length).toBeGreaterThan(1);
    return all;
  }

  /** A new customer with a login for the registry. */
  async function withLogin(password: string): Promise<Customer> {
    const owner = await newCustomer(stand.urls[0] ?? "", journal);
    const body = { registry: registry.registry, username: "me", password };
    await owner.client.createRegistryLogin({ idempotencyKey: randomUUID(), body });
    return owner;
  }
});

/** Files below a folder that hold a text, whatever else they hold. */
async function filesWith(text: string, folder: string): Promise<string[]> {
  // It ends with 1 where there is none, and with 2 where a file went away while it looked.
  const { stdout } = await run("grep", ["-rlsF", text, folder]).catch((error: { stdout: string }) => error);
  return stdout.split("\n").filter((line) => line !== "");
}

function fail(what: string): never {
  throw new Error(`${what} is not there`);
}
