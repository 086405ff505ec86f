import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ExecutionSpec } from "../../../../domain/execution/spec.ts";
import type { ExecutionId, ProviderId } from "../../../../domain/ids.ts";
import { providerPresence, providers } from "../../../../drizzle/schema/provider.ts";
import type { Cluster } from "../../../deps.ts";
import { agentStore } from "../../../repos/agent-store.ts";
import { listDesired } from "../../../repos/desired.ts";
import { type ProviderWorld, providerWorld } from "../../../testing/provider-world.ts";
import { agentCluster } from "./agent-cluster.ts";

let world: ProviderWorld;
let cluster: Cluster;
let provider: ProviderId;
let id: ExecutionId;
beforeAll(async () => {
  world = await providerWorld();
  cluster = agentCluster(agentStore(world.db, world.deps.secrets));
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.empty();
  provider = await world.provider();
  id = await world.execution({ providerId: provider });
});

const WHERE = { tenant: "0x0", nodeName: null, host: "203.0.113.7" };

function spec(given: Partial<ExecutionSpec> = {}): ExecutionSpec {
  return {
    id,
    jobId: "job_1",
    providerId: provider,
    kind: "rental",
    image: "ubuntu",
    cpuCores: 4,
    memoryMb: 16_384,
    diskGb: 50,
    gpuUuids: ["GPU-1"],
    env: { B: "2", A: "1" },
    sshPublicKeys: ["ssh-ed25519 AAAA"],
    command: null,
    registryLogin: null,
    sshHostKey: "pem",
    deadline: "2026-01-01T01:00:00.000Z",
    ...given,
  };
}

async function report(generation: number, executions: readonly object[], by = provider) {
  const [row] = await world.db.select().from(providerPresence).where(eq(providerPresence.providerId, by));
  const values = {
    providerId: by,
    lastSeenAt: world.deps.clock.now(),
    seq: (row?.seq ?? 0) + 1,
    report: executions,
    reportedGeneration: generation,
    usage: {},
  };
  await world.db
    .insert(providerPresence)
    .values(values)
    .onConflictDoUpdate({ target: providerPresence.providerId, set: values });
}

async function generation(): Promise<number> {
  const [row] = await world.db.select().from(providers).where(eq(providers.id, provider));
  return row?.generation ?? -1;
}

test("what was never applied is absent, and so is what nobody knows", async () => {
  expect(await cluster.observe(id)).toEqual({ state: "absent" });
  expect(await cluster.observe("exec_00000000000000000000000000")).toEqual({ state: "absent" });
  expect(await cluster.list()).toEqual([]);
});

test("applying the same spec twice changes nothing, whatever order its fields come in", async () => {
  await cluster.apply(spec(), WHERE);
  await cluster.apply(spec({ env: { A: "1", B: "2" } }), WHERE);
  expect(await generation()).toBe(1);
  await cluster.apply(spec({ deadline: "2026-01-01T02:00:00.000Z" }), WHERE);
  expect(await generation()).toBe(2);
});

test("a spec is stored sealed and opens to what was applied", async () => {
  await cluster.apply(spec(), WHERE);
  const sealed = (await listDesired(world.db, [provider], world.deps.clock.now()))[0]?.wanted[0]?.sealedSpec ?? "";
  expect(sealed).not.toContain("ssh-ed25519");
  expect(JSON.parse(world.deps.secrets.open(sealed))).toEqual(spec());
});

test("removing twice is removing once", async () => {
  await cluster.apply(spec(), WHERE);
  await cluster.remove(id);
  await cluster.remove(id);
  expect(await generation()).toBe(2);
});

describe("an execution that the report leaves out", () => {
  test("is starting while it is desired and no report has come", async () => {
    await cluster.apply(spec(), WHERE);
    expect(await cluster.observe(id)).toEqual({ state: "starting" });
  });
  test("is starting while the report is older than the wish, and absent when the report acts on it", async () => {
    await report(0, []);
    await cluster.apply(spec(), WHERE);
    expect(await cluster.observe(id)).toEqual({ state: "starting" });
    await report(1, []);
    expect(await cluster.observe(id)).toEqual({ state: "absent" });
  });
  test("is not absent after a removal until the machine acts on it: it may be about to start", async () => {
    await report(0, []);
    await cluster.apply(spec(), WHERE);
    await cluster.remove(id);
    await report(1, []);
    expect(await cluster.observe(id)).toEqual({ state: "starting" });
    await report(2, []);
    expect(await cluster.observe(id)).toEqual({ state: "absent" });
  });
});

test("what is reported is what is observed, at the provider's address", async () => {
  await cluster.apply(spec(), WHERE);
  await report(1, [{ id, state: "starting" }]);
  expect(await cluster.observe(id)).toEqual({ state: "starting" });
  await report(1, [{ id, state: "ready", port: 30_022, user: "root" }]);
  expect(await cluster.observe(id)).toEqual({
    state: "ready",
    endpoint: { host: "203.0.113.7", port: 30_022, user: "root" },
  });
  const ended_at = "2026-01-01T00:10:00.000Z";
  await report(1, [{ id, state: "ended", exit_code: 3, cause: "exited", detail: "", ended_at }]);
  expect(await cluster.observe(id)).toEqual({
    state: "ended",
    exitCode: 3,
    cause: "exited",
    detail: "",
    endedAt: new Date(ended_at),
  });
});

test("after a removal what is still reported is still there, and absent once it is not", async () => {
  await cluster.apply(spec(), WHERE);
  await cluster.remove(id);
  await report(2, [{ id, state: "ready", port: 30_022, user: "root" }]);
  expect(await cluster.observe(id)).toMatchObject({ state: "ready" });
  await report(2, []);
  expect(await cluster.observe(id)).toEqual({ state: "absent" });
});

test("another provider is not believed about an execution that is not its own", async () => {
  const liar = await world.provider();
  await cluster.apply(spec(), WHERE);
  await report(0, [{ id, state: "ready", port: 22, user: "root" }], liar);
  expect(await cluster.observe(id)).toEqual({ state: "starting" });
});

test("the list holds what is reported and what is desired: orphans of both sides show", async () => {
  const orphan = "exec_00000000000000000000000001";
  const unseen = await world.execution({ providerId: provider });
  await cluster.apply(spec(), WHERE);
  await cluster.apply(spec({ id: unseen }), WHERE);
  await report(2, [
    { id, state: "starting" },
    { id: orphan, state: "ready", port: 30_022, user: "root" },
  ]);
  const all = await cluster.list();
  expect(new Map(all.map(({ id: each, observed }) => [each, observed.state]))).toEqual(
    new Map([
      [id, "starting"],
      [orphan, "ready"],
      [unseen, "starting"],
    ]),
  );
  expect(await cluster.observe(orphan)).toMatchObject({ state: "ready" });
  expect(await cluster.observe(unseen)).toEqual({ state: "absent" });
});
