// The seed's clients, as they are published, against the wire over real HTTP.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { providers } from "../../drizzle/schema/provider.ts";
import { dockerLog, seedCli, seedDashboard, seedWorker } from "../testing/seed-clients.ts";
import { openWire, type Wire } from "../testing/wire.ts";
import { address } from "../testing/world.ts";
import { openAnonymousAccount } from "../usecases/account/open-account.ts";
import { stampListening } from "../usecases/provider/stamp-listening.ts";
import { sweepSilentProviders } from "../usecases/provider/sweep-silent-providers.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire({ settings: { anonymousAccount: address(900) } });
  await openAnonymousAccount(wire.deps);
});
afterAll(() => wire[Symbol.asyncDispose]());

const nodeOf = async (id: string) => (await wire.ask(`/api/v1/nodes/${id}`)).json;

test("the seed's worker registers, beats and asks, and its node is what it said", async () => {
  const worker = seedWorker(wire.ask, "worker-001");
  const registered = await worker.register();
  expect(registered.status).toBe(201);
  const now = wire.deps.clock.now().toISOString();
  expect(registered.json).toEqual({
    id: "worker-001",
    name: "Worker worker-001",
    region: "us-west",
    cpu_cores: 4,
    memory_gb: 8,
    gpu_enabled: false,
    status: "online",
    reputation_score: 100,
    total_jobs_run: 0,
    successful_jobs_run: 0,
    failed_jobs: 0,
    credits_earned: 0,
    last_heartbeat: now,
    registered_at: now,
    provider_id: expect.stringMatching(/^prov_/),
    provider_name: "worker-worker-001",
    provider_status: "available",
    owner: expect.stringMatching(/^0x[0-9a-f]{40}$/),
    owner_short: expect.stringMatching(/^0x[0-9a-f]{4}…[0-9a-f]{4}$/),
    runtime: "external",
    gpus: [],
    success_rate: null,
    evidence: {
      ...{ verified: 0, bad: 0, streak: 0, error_rate: 0.1, proven: false },
      ...{ quarantined: false, quarantine_reason: null, held_back: null },
    },
  });
  expect(await worker.beat()).toEqual({ status: "ok" });
  expect(await nodeOf("worker-001")).toEqual(registered.json);
  expect(await nodeOf(registered.json.provider_id)).toEqual(registered.json);
});

test("registering again says what changed, and keeps its place: one provider, its reputation, its first day", async () => {
  const worker = seedWorker(wire.ask, "again");
  const first = (await worker.register()).json;
  await wire.world.db.update(providers).set({ reputation: 77 }).where(eq(providers.id, first.provider_id));
  wire.world.pass(60_000);
  const again = (await seedWorker(wire.ask, "again", { cores: 16, memory: 64 }).register()).json;
  expect(again).toEqual({
    ...first,
    cpu_cores: 16,
    memory_gb: 64,
    reputation_score: 77,
    last_heartbeat: wire.deps.clock.now().toISOString(),
  });
});

test("two workers of one name are two providers with names of their own", async () => {
  const register = (id: string, name: string) =>
    wire.ask("/api/v1/nodes/register", { json: { id, name, cpu_cores: 1, memory_gb: 1 } });
  const [one, two, none] = [
    await register("same-1", "Same"),
    await register("same-2", "Same"),
    await register("same-3", "工人"),
  ];
  expect([one.json.name, two.json.name, none.json.name]).toEqual(["Same", "Same", "工人"]);
  expect(one.json.provider_name).toBe("same");
  expect(two.json.provider_name).toMatch(/^same-[0-9a-z]{8}$/);
  expect(none.json.provider_name).toBe("worker");
});

test("in a demo each node id is its own owner, whose account nobody has a key for", async () => {
  const owners = await Promise.all(
    ["alone-1", "alone-2", "alone-1"].map(async (id) => (await seedWorker(wire.ask, id).register()).json.owner),
  );
  expect(new Set(owners).size).toBe(2);
  expect(owners).not.toContain(address(900));
  expect(owners[0]).toBe(owners[2]);
});

test("the seed's command line and dashboard read nodes, jobs and totals without tripping", async () => {
  await seedWorker(wire.ask, "worker-001").register();
  const nodes = await seedCli(wire.ask).nodes();
  expect(nodes[0]).toMatchObject({ reputation: 100, jobs: 0 });
  expect(await seedCli(wire.ask).list()).toEqual([]);
  const { stats, nodes: shown, jobs } = await seedDashboard(wire.ask, "http://localhost:3000");
  expect(shown.map(({ id }) => id)).toEqual(nodes.map(({ id }) => id));
  expect(shown.every(({ isStyled }) => isStyled)).toBe(true);
  expect(jobs).toEqual([]);
  expect(stats.nodes).toEqual({ total: nodes.length, online: nodes.length, busy: 0 });
  const cores = nodes.reduce((sum, { cpu }) => sum + cpu, 0);
  expect(stats.resources.total_cpu_cores).toBe(cores);
});

test("a page of another machine reads what is public, and nobody's jobs", async () => {
  await expect(seedDashboard(wire.ask, "https://elsewhere.example")).rejects.toThrow("/api/v1/jobs is blocked by CORS");
});

test("addresses may end with a slash, whatever is asked there, and nobody is sent elsewhere", async () => {
  for (const path of [
    "/stats/",
    "/health/",
    "/api/v1/nodes/",
    "/api/v1/jobs/",
    "/api/v1/nodes/worker-001/",
    "/openapi.json/",
  ])
    expect((await wire.ask(path)).status, path).toBe(200);
  for (const path of ["/api/v1/jobs", "/api/v1/nodes/register", "/api/v1/worker/result"]) {
    const [bare, slashed] = [await wire.ask(path, { json: {} }), await wire.ask(`${path}/`, { json: {} })];
    expect([slashed.status, slashed.json.fields], path).toEqual([bare.status, bare.json.fields]);
    expect(slashed.status, path).not.toBe(404);
  }
  expect((await wire.ask("/api/v1/worker/result/", { method: "DELETE" })).headers.allow).toBe("POST, OPTIONS");
  expect((await wire.ask("/api/v1/jobs//", { json: {} })).status).toBe(404);
  expect((await wire.ask("/health")).json).toMatchObject({ status: "ok", time: wire.deps.clock.now().toISOString() });
});

test("nodes come a page at a time, newest first, and each once", async () => {
  const seen: string[] = [];
  let path = "/api/v1/nodes?limit=2";
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { json } = await wire.ask(path);
    expect(json.count).toBe(json.nodes.length);
    seen.push(...json.nodes.map((node: { provider_id: string }) => node.provider_id));
    cursor = json.next_cursor;
    path = `/api/v1/nodes?limit=2&cursor=${cursor}`;
  }
  expect(seen.length).toBeGreaterThan(3);
  expect(seen).toEqual([...new Set(seen)].sort().reverse());
  expect((await wire.ask("/api/v1/nodes?limit=1000")).status).toBe(400);
});

test("a third-party worker cannot be rented, and no search, price or count of the market shows it", async () => {
  await seedWorker(wire.ask, "not-for-rent").register();
  const { provider_id } = await nodeOf("not-for-rent");
  const rental = {
    kind: "rental",
    provider_id,
    gpu_count: 0,
    cpu_cores: 1,
    memory_gb: 1,
    storage_gb: 1,
    duration_hours: 1,
    ssh_public_key: SSH_KEY,
  };
  const refused = await wire.ask("/api/v1/jobs", { json: rental });
  expect([refused.status, refused.json.code]).toEqual([409, "no-capacity"]);
  expect((await wire.ask(`/api/v1/providers/search?provider=${provider_id}`)).json.offers).toEqual([]);
  expect((await wire.ask("/api/v1/providers/search")).json.count).toBe(0);
  expect((await wire.ask("/api/v1/providers/gpu-availability")).json.providers).toEqual([]);
});

describe("who is known", () => {
  const keyOf = async (token: string, scopes: string[]) => {
    const made = await wire.ask("/api/v1/api-keys", { token, json: { name: "k", scopes } });
    return String(made.json.key);
  };

  test("an API key as the password of the URL speaks for its account, with its scopes", async () => {
    const { token, account } = await wire.login();
    const good = `anything:${await keyOf(token, ["providers"])}`;
    const registered = await seedWorker(wire.ask, "fleet-1", { credentials: good }).register();
    expect(registered.json.owner).toBe(account);
    const lesser = `anything:${await keyOf(token, ["read", "jobs"])}`;
    await expect(seedWorker(wire.ask, "fleet-1", { credentials: lesser }).register()).rejects.toThrow("403");
    expect(await seedCli(wire.ask, lesser).list()).toEqual([]);
    for (const wrong of ["user:bk_wrong", `user:${token}`, "user:", "", ":"])
      await expect(seedWorker(wire.ask, "fleet-1", { credentials: wrong }).register(), wrong).rejects.toThrow("401");
  });

  test("an id is each account's own: two fleets have a worker-001 each, and one's own is found first", async () => {
    const [a, b] = [await wire.login(), await wire.login()];
    const made = [];
    for (const { token } of [a, b]) {
      const credentials = `u:${await keyOf(token, ["providers", "read"])}`;
      made.push((await seedWorker(wire.ask, "worker-001", { credentials }).register()).json);
    }
    expect(made.map(({ owner }) => owner)).toEqual([a.account, b.account]);
    expect(new Set(made.map((node) => node.provider_id)).size).toBe(2);
    const own = await wire.ask("/api/v1/nodes/worker-001", { token: b.token });
    expect(own.json.provider_id).toBe(made[1].provider_id);
    expect((await nodeOf("worker-001")).provider_id).not.toBe(made[1].provider_id);
  });

  test("a stranger's node is not found, neither by its name nor by its provider", async () => {
    const { provider_id } = (await seedWorker(wire.ask, "mine").register()).json;
    const { token } = await wire.login();
    const credentials = `u:${await keyOf(token, ["providers"])}`;
    for (const id of ["mine", provider_id]) {
      const stranger = seedWorker(wire.ask, id, { credentials });
      await expect(stranger.beat(), id).rejects.toThrow("404");
      await expect(stranger.poll(), id).rejects.toThrow("404");
      const result = { execution_id: "exec_0", job_id: "job_0", node_id: id };
      expect((await stranger.post("/api/v1/worker/result", result)).status).toBe(404);
    }
  });

  test("a node that was removed keeps its id, and is told so", async () => {
    const worker = seedWorker(wire.ask, "gone");
    const { provider_id } = (await worker.register()).json;
    await wire.world.db
      .update(providers)
      .set({ admission: "removed", admissionReason: "by its owner" })
      .where(eq(providers.id, provider_id));
    await expect(worker.beat()).rejects.toThrow("403");
    await expect(worker.register()).rejects.toThrow("403");
    expect((await wire.ask("/api/v1/nodes/gone")).status).toBe(404);
  });
});

test("a worker that says nothing for two minutes is offline, once, and its next call brings it back", async () => {
  const worker = seedWorker(wire.ask, "silent");
  await worker.register();
  for (let seconds = 0; seconds < 125; seconds += 5) {
    await stampListening(wire.deps);
    wire.world.pass(5_000);
  }
  await stampListening(wire.deps);
  await sweepSilentProviders(wire.deps);
  await sweepSilentProviders(wire.deps);
  expect(await nodeOf("silent")).toMatchObject({ status: "offline", reputation_score: 80, provider_status: "offline" });
  await worker.beat();
  expect(await nodeOf("silent")).toMatchObject({ status: "online", reputation_score: 80 });
});

describe("bad input", () => {
  const register = (over: Record<string, unknown>) =>
    wire.ask("/api/v1/nodes/register", { json: { id: "bad", name: "n", cpu_cores: 1, memory_gb: 1, ...over } });

  test("a registration that cannot be kept is refused by its fields", async () => {
    for (const [field, value] of [
      ...["", "a b", "a/b", "..", "register", "prov_x", "x".repeat(65), "a\0b"].map((id) => ["id", id] as const),
      ...["", "x".repeat(256), "a\nb"].map((name) => ["name", name] as const),
      ...[0, -1, 1.5, "4", null, 1e9].flatMap((n) => [["cpu_cores", n] as const, ["memory_gb", n] as const]),
      ["region", "x".repeat(101)],
      ["gpu_enabled", "yes"],
      ["colour", "red"],
    ] as const) {
      const refused = await register({ [field]: value });
      expect([refused.status, refused.json.code], `${field} ${String(value)}`).toEqual([400, "bad-request"]);
      expect(refused.json.fields.map((each: { field: string }) => each.field)).toEqual([field]);
    }
  });

  test("a result of nothing that was given out is not found", async () => {
    const worker = seedWorker(wire.ask, "lost");
    await worker.register();
    const ids = { executionId: `exec_${"0".repeat(26)}`, jobId: `job_${"0".repeat(26)}` };
    expect((await worker.deliver(ids, { log: dockerLog("hello") })).status).toBe(404);
    expect((await worker.deliver({ executionId: "'", jobId: "x" }, { log: dockerLog("hello") })).status).toBe(404);
    const huge = { execution_id: "e", job_id: "j", node_id: "lost", result: "x".repeat(2_100_000) };
    expect((await worker.post("/api/v1/worker/result", huge)).status).toBe(413);
  });
});
